import { createContext, type ReactNode, useCallback, useContext, useState } from "react";
import "./toasts.css";

interface Toast {
  readonly id: number;
  readonly message: string;
}

type Show = (message: string) => void;

const ToastContext = createContext<Show>(() => undefined);
const SHOWN_FOR_MS = 5_000;
const MAX_SHOWN = 3;
let nextId = 0;

/** Shows short messages above the player. Screen readers hear them without losing their place. */
export function ToastProvider({ children }: { children: ReactNode }) {
  const [toasts, setToasts] = useState<readonly Toast[]>([]);
  const show = useCallback<Show>((message) => {
    const toast = { id: nextId++, message };
    setToasts((shown) => [...shown.filter((t) => t.message !== message), toast].slice(-MAX_SHOWN));
    setTimeout(() => setToasts((shown) => shown.filter((t) => t !== toast)), SHOWN_FOR_MS);
  }, []);
  return (
    <ToastContext value={show}>
      {children}
      <div className="toasts" role="status" data-testid="toasts">
        {toasts.map(({ id, message }) => (
          <p key={id} className="toast">
            {message}
          </p>
        ))}
      </div>
    </ToastContext>
  );
}

/** Shows a message for five seconds. */
export function useToast(): Show {
  return useContext(ToastContext);
}
