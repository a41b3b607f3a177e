import { PlayerService } from "@antiphon/proto/antiphon/player/v1/player";
import { RecommendationService } from "@antiphon/proto/antiphon/recommendation/v1/recommendation";
import { createClient, type Transport } from "@connectrpc/connect";
import manifest from "../../package.json" with { type: "json" };
import { connectMediaSession } from "../player/media-session.ts";
import { Player } from "../player/player.ts";
import type { PlayerPorts } from "../player/player-types.ts";
import { isFinal } from "../rpc/errors.ts";
import { coverArtwork } from "../ui/cover-url.ts";

/** The page's player on the page's audio element, its calls made through `transport`. */
export function createPlayer(
  element: HTMLAudioElement,
  transport: Transport,
  onFailed: PlayerPorts["onFailed"],
): Player {
  const playback = createClient(PlayerService, transport);
  const recommendations = createClient(RecommendationService, transport);
  const player = new Player(element, {
    startPlayback: (request, signal) => playback.startPlayback(request, { signal }),
    reportPlayback: (report) => playback.reportPlayback(report),
    reportQuality: (report) => playback.reportQuality(report),
    appVersion: manifest.version,
    radio: async (seedTrackId, playedIds) =>
      (await recommendations.getRadio({ seedTrackId, playedIds: [...playedIds] })).tracks,
    isFinal,
    onFailed,
  });
  connectMediaSession(player, element, coverArtwork);
  return player;
}
