import { type ReactNode, useId } from "react";

interface SectionProps {
  readonly title: ReactNode;
  readonly eyebrow?: ReactNode;
  readonly className?: string;
  readonly children: ReactNode;
}

/** A named part of a page. */
export function Section({ title, eyebrow, className = "", children }: SectionProps) {
  const id = useId();
  return (
    <section className={`section ${className}`} aria-labelledby={id}>
      {eyebrow && <p className="eyebrow">{eyebrow}</p>}
      <h2 id={id}>{title}</h2>
      {children}
    </section>
  );
}
