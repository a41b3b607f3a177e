import { TrackSchema } from "@antiphon/proto/antiphon/catalog/v1/catalog";
import { create } from "@bufbuild/protobuf";
import { createPlayer } from "../../../web/src/playback/create-player.ts";
import { createTransport } from "../../../web/src/rpc/transport.ts";
import type { Contender } from "./contender.ts";

/** Our player as the page makes it; StartPlayback is part of its start. */
export function antiphonContender(trackId: string): Contender {
  const element = new Audio();
  const player = createPlayer(element, createTransport(location.origin), (_track, error) => {
    throw error;
  });
  const track = create(TrackSchema, { id: trackId, title: trackId, playable: true });
  return {
    element,
    play: () => player.playTracks([track], 0, "bench"),
    seek: (positionS) => player.seek(positionS * 1000),
    startS: () => element.currentTime - player.positionMs / 1000,
    rung() {
      const { ladderKbps, bitrateKbps } = player.getState();
      return ladderKbps.indexOf(bitrateKbps);
    },
    stop: () => player.close(),
  };
}
