import { Role } from "@antiphon/proto/antiphon/identity/v1/identity";
import { Link, NavLink } from "react-router";
import { usePlaylists } from "../library/use-playlists.ts";
import { useSession, useSignOut } from "../session/use-session.ts";
import { Icon, type IconName } from "../ui/icons.tsx";
import { Brand } from "./brand.tsx";
import "./navigation.css";

interface Place {
  readonly to: string;
  readonly icon: IconName;
  readonly label: string;
  /** For the narrow navigation of phones. Default: `label`. */
  readonly short?: string;
}

const places: readonly Place[] = [
  { to: "/", icon: "home", label: "Home" },
  { to: "/search", icon: "search", label: "Search" },
  { to: "/playlists", icon: "playlist", label: "Playlists" },
  { to: "/liked", icon: "heart", label: "Liked songs", short: "Liked" },
  { to: "/queue", icon: "queue", label: "Queue" },
];

const morePlaces: readonly Place[] = [{ to: "/history", icon: "history", label: "History" }];
const operatorPlaces: readonly Place[] = [{ to: "/mesh", icon: "mesh", label: "Mesh" }];

/** The places of listeners that phones have no room for in their navigation, and those of operators. */
function useMorePlaces(): readonly Place[] {
  const { listener } = useSession();
  if (!listener) return [];
  return listener.role === Role.OPERATOR ? [...morePlaces, ...operatorPlaces] : morePlaces;
}

/** Beside the page, on wide screens. */
export function Sidebar() {
  const more = useMorePlaces();
  return (
    <div className="sidebar">
      <Link to="/" className="brand-link">
        <Brand />
      </Link>
      <nav aria-label="Main">
        {[...places, ...more].map((place) => (
          <PlaceLink key={place.to} {...place} />
        ))}
      </nav>
      <OwnPlaylists />
      <Account />
    </div>
  );
}

/** Below the page, on phones. */
export function BottomNavigation() {
  return (
    <nav className="bottom-nav" aria-label="Main">
      {places.map((place) => (
        <PlaceLink key={place.to} {...place} label={place.short ?? place.label} />
      ))}
    </nav>
  );
}

/** Above the page, on phones: whose page it is. */
export function TopBar() {
  return (
    <header className="top-bar">
      <Link to="/" className="brand-link">
        <Brand />
      </Link>
      <MorePlaces />
      <Account compact />
    </header>
  );
}

/** On phones: what the navigation has no room for. */
function MorePlaces() {
  const more = useMorePlaces();
  return (
    <nav className="more-places" aria-label="More">
      {more.map(({ to, icon, label }) => (
        <NavLink key={to} to={to} className="icon-button" aria-label={label}>
          <Icon name={icon} />
        </NavLink>
      ))}
    </nav>
  );
}

function PlaceLink({ to, icon, label }: Place) {
  return (
    <NavLink to={to} end={to === "/"} className="place">
      <Icon name={icon} />
      <span>{label}</span>
    </NavLink>
  );
}

function OwnPlaylists() {
  const { data } = usePlaylists();
  if (!data?.playlists.length) return null;
  return (
    <nav className="own-playlists" aria-label="Your playlists">
      <h2 className="eyebrow">Your playlists</h2>
      {data.playlists.map((playlist) => (
        <NavLink key={playlist.id} to={`/playlist/${playlist.id}`}>
          {playlist.name}
        </NavLink>
      ))}
    </nav>
  );
}

/** Who is signed in, or how to; without the name where there is no room for it. */
function Account({ compact = false }: { compact?: boolean }) {
  const session = useSession();
  const signOut = useSignOut();
  if (session.status === "unknown") return <div className="account" />;
  if (session.status === "signed-out") {
    return (
      <div className="account">
        <Link to="/sign-up" className="button primary">
          Sign up
        </Link>
        <Link to="/sign-in" className="button">
          Sign in
        </Link>
      </div>
    );
  }
  return (
    <div className="account">
      <span className="avatar" aria-hidden="true">
        {session.listener.displayName.trim().charAt(0).toUpperCase()}
      </span>
      {!compact && (
        <span className="account-name" data-testid="listener-name">
          {session.listener.displayName}
        </span>
      )}
      <button type="button" className="icon-button" aria-label="Sign out" onClick={signOut}>
        <Icon name="signOut" />
      </button>
    </div>
  );
}
