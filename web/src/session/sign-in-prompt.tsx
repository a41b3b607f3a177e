import { createContext, type ReactNode, useCallback, useContext, useState } from "react";
import { Link, useLocation } from "react-router";
import { Dialog } from "../ui/dialog.tsx";
import { useSession } from "./use-session.ts";

type Ask = (toDo: string) => void;

const PromptContext = createContext<Ask>(() => undefined);

/** Holds the dialog that asks visitors to sign in. */
export function SignInPromptProvider({ children }: { children: ReactNode }) {
  const [toDo, setToDo] = useState<string>();
  const { pathname, search } = useLocation();
  const close = useCallback(() => setToDo(undefined), []);
  const from = { from: pathname + search };
  return (
    <PromptContext value={setToDo}>
      {children}
      {toDo && (
        <Dialog title={`Sign in to ${toDo}`} onClose={close}>
          <p>Looking around is open to everybody. Listening takes an account: free, and made in a minute.</p>
          <div className="dialog-actions">
            <Link className="button primary" to="/sign-up" state={from} onClick={close}>
              Create an account
            </Link>
            <Link className="button" to="/sign-in" state={from} onClick={close}>
              Sign in
            </Link>
          </div>
        </Dialog>
      )}
    </PromptContext>
  );
}

/** Asks the visitor to sign in, to do something: `ask("listen")`. */
export function useAskToSignIn(): Ask {
  return useContext(PromptContext);
}

/** Runs an action for listeners; visitors are asked to sign in instead. */
export function useForListeners(): (toDo: string, action: () => void) => void {
  const { status } = useSession();
  const ask = useAskToSignIn();
  return (toDo, action) => (status === "signed-out" ? ask(toDo) : action());
}
