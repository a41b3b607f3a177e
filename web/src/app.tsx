import { Route, Routes } from "react-router";
import { AlbumPage } from "./pages/album.tsx";
import { ArtistPage } from "./pages/artist.tsx";
import { HistoryPage } from "./pages/history.tsx";
import { HomePage } from "./pages/home.tsx";
import { LikedPage } from "./pages/liked.tsx";
import { MeshPage } from "./pages/mesh.tsx";
import { NotFoundPage } from "./pages/not-found.tsx";
import { PlaylistPage } from "./pages/playlist.tsx";
import { PlaylistsPage } from "./pages/playlists.tsx";
import { QueuePage } from "./pages/queue.tsx";
import { SearchPage } from "./pages/search.tsx";
import { SignInPage, SignUpPage } from "./pages/sign-in.tsx";
import { Shell } from "./shell/shell.tsx";

/** Which page is at which address. */
export function App() {
  return (
    <Routes>
      <Route path="sign-in" element={<SignInPage />} />
      <Route path="sign-up" element={<SignUpPage />} />
      <Route element={<Shell />}>
        <Route index element={<HomePage />} />
        <Route path="search" element={<SearchPage />} />
        <Route path="artist/:artistId" element={<ArtistPage />} />
        <Route path="album/:albumId" element={<AlbumPage />} />
        <Route path="playlists" element={<PlaylistsPage />} />
        <Route path="playlist/:playlistId" element={<PlaylistPage />} />
        <Route path="liked" element={<LikedPage />} />
        <Route path="history" element={<HistoryPage />} />
        <Route path="mesh" element={<MeshPage />} />
        <Route path="queue" element={<QueuePage />} />
        <Route path="*" element={<NotFoundPage />} />
      </Route>
    </Routes>
  );
}
