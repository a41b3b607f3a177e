import { Link } from "react-router";
import { EmptyState } from "../ui/states.tsx";
import { useTitle } from "../ui/use-title.ts";

/** For addresses that lead nowhere. */
export function NotFoundPage() {
  useTitle("Not found");
  return (
    <EmptyState icon="search" title="Silence">
      <p>There is no page at this address.</p>
      <Link to="/" className="button primary">
        Go home
      </Link>
    </EmptyState>
  );
}
