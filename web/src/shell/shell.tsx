import { useEffect, useRef } from "react";
import { Outlet, useLocation } from "react-router";
import { Announcer } from "./announcer.tsx";
import { BottomNavigation, Sidebar, TopBar } from "./navigation.tsx";
import { PlayerBar } from "./player-bar.tsx";
import { useShortcuts } from "./use-shortcuts.ts";
import "./shell.css";

/** What is around every page: navigation, player, landmarks. */
export function Shell() {
  const main = useRef<HTMLElement>(null);
  const { pathname } = useLocation();
  const shown = useRef(pathname);
  useShortcuts();
  // A new page starts at its top, and that is where keyboards and screen readers go on.
  useEffect(() => {
    if (shown.current === pathname) return;
    shown.current = pathname;
    main.current?.scrollTo(0, 0);
    // The search has taken the focus already.
    if (!main.current?.contains(document.activeElement)) main.current?.focus({ preventScroll: true });
  }, [pathname]);
  return (
    <div className="shell">
      <a className="skip-link" href="#main">
        Skip to the page
      </a>
      <TopBar />
      <Sidebar />
      <main id="main" ref={main} tabIndex={-1}>
        <Outlet />
      </main>
      <PlayerBar />
      <BottomNavigation />
      <Announcer />
    </div>
  );
}
