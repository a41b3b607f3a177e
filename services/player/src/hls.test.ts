import { expect, test } from "vitest";
import { type PlaylistName, playlist, playlistId, playlistNamed } from "./hls.ts";

const audio = {
  totalSamples: 100_000n,
  segmentSamples: [96_000, 4_800],
  gainDb: 0,
  peaks: new Uint8Array(),
  renditions: [24, 64].map((bitrateKbps) => ({
    bitrateKbps,
    objectId: `ren_${bitrateKbps}.mp4`,
    initBytes: 10,
    segmentBytes: [20, 11],
  })),
};
const trackId = "trk_00000000000000000001";
const name = (of: PlaylistName["of"]): PlaylistName => ({
  codec: "opus",
  trackId,
  expiresAtS: 1_790_000_000,
  of,
});
const sign = (objectId: string) => `/media/player/${objectId}?signed`;

test("a ladder's playlist names those of its renditions", () => {
  expect(playlist(name({ rungs: 2 }), audio, sign)).toBe(`#EXTM3U
#EXT-X-VERSION:7
#EXT-X-INDEPENDENT-SEGMENTS
#EXT-X-STREAM-INF:BANDWIDTH=28800,AVERAGE-BANDWIDTH=24000,CODECS="opus"
/media/player/hls_opus_k24_00000000000000000001_1790000000.m3u8?signed
#EXT-X-STREAM-INF:BANDWIDTH=76800,AVERAGE-BANDWIDTH=64000,CODECS="opus"
/media/player/hls_opus_k64_00000000000000000001_1790000000.m3u8?signed
`);
});

test("a rendition's playlist names the byte ranges of its segments", () => {
  expect(playlist(name({ bitrateKbps: 64 }), audio, sign)).toBe(`#EXTM3U
#EXT-X-VERSION:7
#EXT-X-TARGETDURATION:2
#EXT-X-PLAYLIST-TYPE:VOD
#EXT-X-MAP:URI="/media/player/ren_64.mp4?signed",BYTERANGE="10@0"
#EXTINF:2.00000,
#EXT-X-BYTERANGE:20@10
/media/player/ren_64.mp4?signed
#EXTINF:0.10000,
#EXT-X-BYTERANGE:11@30
/media/player/ren_64.mp4?signed
#EXT-X-ENDLIST
`);
});

test("there is no playlist of what is not made", () => {
  expect(playlist(name({ rungs: 3 }), audio, sign)).toBeUndefined();
  expect(playlist(name({ bitrateKbps: 128 }), audio, sign)).toBeUndefined();
});

test("an id says what is in the playlist, and other ids say nothing", () => {
  for (const of of [{ rungs: 4 }, { bitrateKbps: 320 }]) {
    expect(playlistNamed(playlistId(name(of)))).toEqual(name(of));
    expect(playlistId(name(of))).toMatch(/^[0-9a-z_]{1,80}(\.[0-9a-z]{1,8})?$/);
  }
  for (const id of ["ren_00000000000000000000.mp4", "hls_flac_n1_00000000000000000001_1790000000.m3u8", ""]) {
    expect(playlistNamed(id)).toBeUndefined();
  }
});
