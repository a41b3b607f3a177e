export type Role = "listener" | "operator";

/** Somebody with an account. */
export interface Listener {
  readonly id: string;
  readonly email: string;
  readonly displayName: string;
  readonly role: Role;
  readonly createdAtMs: number;
}

/** The form in which e-mail addresses are kept and compared. */
export function normaliseEmail(email: string): string {
  return email.trim().toLowerCase();
}
