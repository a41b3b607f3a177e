import type { ReactNode } from "react";
import { Link, useLocation } from "react-router";
import { useSession } from "../session/use-session.ts";
import type { IconName } from "../ui/icons.tsx";
import { EmptyState, RowSkeletons } from "../ui/states.tsx";

interface ForListenersProps {
  readonly icon: IconName;
  /** What visitors would have here: "Your playlists live here". */
  readonly title: string;
  readonly children: ReactNode;
}

/** Shows its children to listeners, and visitors the way in. */
export function ForListeners({ icon, title, children }: ForListenersProps) {
  const { status } = useSession();
  const { pathname } = useLocation();
  if (status === "unknown") return <RowSkeletons />;
  if (status === "signed-in") return children;
  return (
    <EmptyState icon={icon} title={title}>
      <p>Sign in, or create an account: it is free, and made in a minute.</p>
      <div className="page-actions">
        <Link to="/sign-up" state={{ from: pathname }} className="button primary">
          Create an account
        </Link>
        <Link to="/sign-in" state={{ from: pathname }} className="button">
          Sign in
        </Link>
      </div>
    </EmptyState>
  );
}
