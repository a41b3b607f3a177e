import type { Album, Artist } from "@antiphon/proto/antiphon/catalog/v1/catalog";
import type { Playlist } from "@antiphon/proto/antiphon/playlist/v1/playlist";
import { Link } from "react-router";
import { Cover, PlaylistCover } from "./cover.tsx";
import "./cards.css";

/** "1 track", "7 tracks". */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

/** An album, as a cover that leads to it. */
export function AlbumCard({ album, showYear = false }: { album: Album; showYear?: boolean }) {
  return (
    <Link to={`/album/${album.id}`} className="card">
      <Cover coverId={album.coverId} albumKey={album.id} />
      <span className="card-title">{album.title}</span>
      <span className="card-note">{showYear ? album.year || "" : album.artist?.name}</span>
    </Link>
  );
}

/** An artist, round. */
export function ArtistCard({ artist }: { artist: Artist }) {
  return (
    <Link to={`/artist/${artist.id}`} className="card round">
      <Cover coverId={artist.coverId} albumKey={artist.id} />
      <span className="card-title">{artist.name}</span>
      <span className="card-note">
        {artist.albumCount > 0 ? counted(artist.albumCount, "album") : counted(artist.trackCount, "track")}
      </span>
    </Link>
  );
}

/** A playlist. */
export function PlaylistCard({ playlist }: { playlist: Playlist }) {
  return (
    <Link to={`/playlist/${playlist.id}`} className="card">
      <PlaylistCover coverIds={playlist.coverIds} playlistId={playlist.id} />
      <span className="card-title">{playlist.name}</span>
      <span className="card-note">{counted(playlist.trackCount, "track")}</span>
    </Link>
  );
}
