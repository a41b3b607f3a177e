import { IdentityService } from "@antiphon/proto/antiphon/identity/v1/identity";
import { useMutation } from "@connectrpc/connect-query";
import { type FormEvent, type ReactNode, useId } from "react";
import { Link, Navigate, useLocation } from "react-router";
import { describeError } from "../rpc/errors.ts";
import { useSession, useSignedIn } from "../session/use-session.ts";
import { Brand } from "../shell/brand.tsx";
import { useTitle } from "../ui/use-title.ts";
import "./sign-in.css";

/** Signs a listener in, and goes back to where they came from. */
export function SignInPage() {
  useTitle("Sign in");
  const signedIn = useSignedIn();
  const { mutate, error, isPending } = useMutation(IdentityService.method.signIn, {
    onSuccess: ({ listener }) => signedIn(listener),
  });
  return (
    <AuthPage
      title="Welcome back"
      submitLabel="Sign in"
      pending={isPending}
      error={error}
      onSubmit={(form) => mutate({ email: form.email, password: form.password })}
      other={{ to: "/sign-up", question: "New here?", label: "Create an account" }}
    >
      <EmailField />
      <label>
        Password
        <input name="password" type="password" autoComplete="current-password" required maxLength={200} />
      </label>
    </AuthPage>
  );
}

/** Makes an account, and signs in with it. */
export function SignUpPage() {
  useTitle("Create an account");
  const signedIn = useSignedIn();
  const { mutate, error, isPending } = useMutation(IdentityService.method.register, {
    onSuccess: ({ listener }) => signedIn(listener),
  });
  return (
    <AuthPage
      title="Join in"
      submitLabel="Create the account"
      pending={isPending}
      error={error}
      onSubmit={(form) => mutate(form)}
      other={{ to: "/sign-in", question: "Been here before?", label: "Sign in" }}
    >
      <label>
        Your name
        <input name="displayName" autoComplete="nickname" required maxLength={80} pattern=".*\S.*" />
      </label>
      <EmailField />
      <label>
        Password
        <input
          name="password"
          type="password"
          autoComplete="new-password"
          required
          minLength={8}
          maxLength={200}
          aria-describedby="password-rule"
        />
        <span id="password-rule" className="hint">
          Eight characters or more.
        </span>
      </label>
    </AuthPage>
  );
}

function EmailField() {
  return (
    <label>
      E-mail
      <input name="email" type="email" autoComplete="email" required maxLength={254} />
    </label>
  );
}

interface AuthForm {
  readonly email: string;
  readonly password: string;
  readonly displayName: string;
}

interface AuthPageProps {
  readonly title: string;
  readonly submitLabel: string;
  readonly pending: boolean;
  readonly error: unknown;
  readonly onSubmit: (form: AuthForm) => void;
  readonly other: { readonly to: string; readonly question: string; readonly label: string };
  readonly children: ReactNode;
}

function AuthPage({ title, submitLabel, pending, error, onSubmit, other, children }: AuthPageProps) {
  const { status } = useSession();
  const { state } = useLocation();
  const titleId = useId();
  if (status === "signed-in") return <Navigate to={cameFrom(state)} replace />;
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const data = new FormData(event.currentTarget);
    const field = (name: string) => String(data.get(name) ?? "");
    onSubmit({
      email: field("email").trim(),
      password: field("password"),
      displayName: field("displayName").trim(),
    });
  };
  return (
    <main className="auth">
      <Link to="/" className="brand-link">
        <Brand />
      </Link>
      <h1 id={titleId}>{title}</h1>
      <form className="form" aria-labelledby={titleId} onSubmit={submit}>
        {children}
        {error !== null && (
          <p className="form-error" role="alert">
            {describeError(error)}
          </p>
        )}
        <button type="submit" className="button primary large" disabled={pending}>
          {pending ? "One moment…" : submitLabel}
        </button>
      </form>
      <p className="quiet">
        {other.question}{" "}
        <Link to={other.to} state={state}>
          {other.label}
        </Link>
      </p>
    </main>
  );
}

/** Only a path of this page counts: nobody is sent elsewhere after signing in. */
function cameFrom(state: unknown): string {
  if (typeof state !== "object" || state === null || !("from" in state)) return "/";
  return typeof state.from === "string" && /^\/(?!\/)/.test(state.from) ? state.from : "/";
}
