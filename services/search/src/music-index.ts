import {
  type Album,
  AlbumSchema,
  type Artist,
  ArtistSchema,
  type Track,
  TrackSchema,
} from "@antiphon/proto/antiphon/catalog/v1/catalog";
import { type Playlist, PlaylistSchema, Visibility } from "@antiphon/proto/antiphon/playlist/v1/playlist";
import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { IndexStore } from "./index-store.ts";
import { albumOf, artistOf } from "./library.ts";
import { queryWords } from "./words.ts";

/** Best first in each kind. */
export interface Found {
  readonly tracks: Track[];
  readonly albums: Album[];
  readonly artists: Artist[];
  readonly playlists: Playlist[];
}

export interface Search {
  readonly query: string;
  /** Of each kind. */
  readonly limit: number;
  readonly wants: (kind: keyof Found) => boolean;
  /** Whose private playlists may be found. */
  readonly listenerId?: string | undefined;
}

/** What can be searched: tracks and playlists as their owners tell of them, albums and artists derived. */
export class MusicIndex {
  readonly #store = new IndexStore();
  readonly #touchedAlbums = new Set<string>();
  readonly #touchedArtists = new Set<string>();

  /** Makes changes whole or not at all, and brings the albums and artists they touch up to date. */
  change(
    make: (index: Pick<MusicIndex, "putTrack" | "removeTrack" | "putPlaylist" | "removePlaylist">) => void,
  ): void {
    this.#store.transaction(() => {
      try {
        make(this);
        this.#derive();
      } finally {
        this.#touchedAlbums.clear();
        this.#touchedArtists.clear();
      }
    });
  }

  putTrack(track: Track): void {
    this.removeTrack(track.id);
    this.#store.put("track", {
      id: track.id,
      message: toBinary(TrackSchema, track),
      title: track.title,
      artist: track.artist?.name,
      album: track.album?.title,
      artistId: track.artist?.id,
      albumId: track.album?.id,
    });
    this.#touch(track.artist?.id, track.album?.id);
  }

  removeTrack(trackId: string): void {
    const was = this.#store.remove("track", trackId);
    if (was) this.#touch(was.artistId, was.albumId);
  }

  putPlaylist(playlist: Playlist): void {
    this.#store.put("playlist", {
      id: playlist.id,
      message: toBinary(PlaylistSchema, playlist),
      title: playlist.name,
      visibleTo: playlist.visibility === Visibility.PUBLIC ? undefined : playlist.ownerId,
    });
  }

  removePlaylist(playlistId: string): void {
    this.#store.remove("playlist", playlistId);
  }

  search({ query, limit, wants, listenerId }: Search): Found {
    const typed = queryWords(query);
    const find = (kind: "track" | "album" | "artist" | "playlist", key: keyof Found) =>
      wants(key) ? this.#store.search(kind, typed, limit, listenerId) : [];
    return {
      tracks: find("track", "tracks").map((bytes) => fromBinary(TrackSchema, bytes)),
      albums: find("album", "albums").map((bytes) => fromBinary(AlbumSchema, bytes)),
      artists: find("artist", "artists").map((bytes) => fromBinary(ArtistSchema, bytes)),
      playlists: find("playlist", "playlists").map((bytes) => fromBinary(PlaylistSchema, bytes)),
    };
  }

  optimize(): void {
    this.#store.optimize();
  }

  close(): void {
    this.#store.close();
  }

  #touch(artistId: string | null | undefined, albumId: string | null | undefined): void {
    if (artistId) this.#touchedArtists.add(artistId);
    if (albumId) this.#touchedAlbums.add(albumId);
  }

  #derive(): void {
    for (const id of this.#touchedAlbums) {
      const album = albumOf(this.#store.messagesOfAlbum(id).map((bytes) => fromBinary(TrackSchema, bytes)));
      if (!album) this.#store.remove("album", id);
      else
        this.#store.put("album", {
          id,
          message: toBinary(AlbumSchema, album),
          title: album.title,
          artist: album.artist?.name,
        });
    }
    for (const id of this.#touchedArtists) {
      const artist = artistOf(
        this.#store.messagesOfArtist(id).map((bytes) => fromBinary(TrackSchema, bytes)),
      );
      if (!artist) this.#store.remove("artist", id);
      else this.#store.put("artist", { id, message: toBinary(ArtistSchema, artist), title: artist.name });
    }
  }
}
