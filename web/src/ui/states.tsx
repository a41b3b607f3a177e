import type { ReactNode } from "react";
import { Link } from "react-router";
import { describeError, isNotFound } from "../rpc/errors.ts";
import { Icon, type IconName } from "./icons.tsx";
import "./states.css";

interface EmptyStateProps {
  readonly icon: IconName;
  readonly title: string;
  readonly children?: ReactNode;
}

/** Says why there is nothing here, and what to do about it. */
export function EmptyState({ icon, title, children }: EmptyStateProps) {
  return (
    <section className="state">
      <Icon name={icon} />
      <h2>{title}</h2>
      {children}
    </section>
  );
}

/** Says that something could not be loaded, and offers to try again where that may help. */
export function ErrorState({ error, onRetry }: { error: unknown; onRetry: () => void }) {
  if (isNotFound(error)) {
    return (
      <EmptyState icon="search" title="This is not here">
        <p>It may have been removed, or the address has a typing error.</p>
        <Link to="/" className="button primary">
          Go home
        </Link>
      </EmptyState>
    );
  }
  return (
    <section className="state" role="alert">
      <Icon name="repeat" />
      <h2>No answer</h2>
      <p>{describeError(error)}</p>
      <button type="button" className="button" onClick={onRetry}>
        Try again
      </button>
    </section>
  );
}

/** Grey shapes where cards are about to appear. */
export function CardSkeletons({ count = 6 }: { count?: number }) {
  return (
    <div className="card-grid" role="status" aria-label="Loading">
      {names(count).map((name) => (
        <div key={name} className="skeleton-card" />
      ))}
    </div>
  );
}

/** Grey shapes where tracks are about to appear. */
export function RowSkeletons({ count = 8 }: { count?: number }) {
  return (
    <div className="skeleton-rows" role="status" aria-label="Loading">
      {names(count).map((name) => (
        <div key={name} className="skeleton-row" />
      ))}
    </div>
  );
}

function names(count: number): string[] {
  return Array.from({ length: count }, (_, i) => `shape ${i}`);
}
