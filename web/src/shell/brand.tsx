/** The mark: a call, and its response. */
export function Brand() {
  return (
    <span className="brand">
      <svg viewBox="0 0 28 28" aria-hidden="true" focusable="false">
        <path className="call" d="M13.2 3a9.5 9.5 0 0 0 0 19z" />
        <path className="response" d="M14.8 6.5a9.5 9.5 0 0 1 0 19z" />
      </svg>
      Antiphon
    </span>
  );
}
