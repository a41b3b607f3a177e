import type { ReactNode } from "react";
import "./page-header.css";

interface PageHeaderProps {
  readonly kind: string;
  readonly title: ReactNode;
  readonly cover?: ReactNode;
  readonly round?: boolean;
  readonly children?: ReactNode;
  readonly actions?: ReactNode;
}

/** The head of a page about one thing: its cover, what it is, what can be done with it. */
export function PageHeader({ kind, title, cover, round = false, children, actions }: PageHeaderProps) {
  return (
    <header className="page-header">
      {cover && <div className={round ? "page-cover round" : "page-cover"}>{cover}</div>}
      <div className="page-header-text">
        <p className="eyebrow">{kind}</p>
        <h1>{title}</h1>
        {children && <p className="page-facts">{children}</p>}
        {actions && <div className="page-actions">{actions}</div>}
      </div>
    </header>
  );
}
