import { TransportProvider } from "@connectrpc/connect-query";
import { QueryClientProvider } from "@tanstack/react-query";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { BrowserRouter } from "react-router";
import { App } from "./app.tsx";
import { LikesProvider } from "./library/likes.tsx";
import { createPlayer } from "./playback/create-player.ts";
import { PlayerProvider } from "./playback/player-context.tsx";
import { PlayerFailures, playerFailures } from "./playback/player-failures.tsx";
import { createQueryClient } from "./rpc/query-client.ts";
import { createTransport } from "./rpc/transport.ts";
import { SignInPromptProvider } from "./session/sign-in-prompt.tsx";
import { ToastProvider } from "./ui/toasts.tsx";
import "./styles/tokens.css";
import "./styles/base.css";
import "./styles/controls.css";

const transport = createTransport(location.origin);
const failures = playerFailures();
const audio = document.createElement("audio");
audio.dataset.testid = "audio";
document.body.append(audio);
const player = createPlayer(audio, transport, failures.push);

createRoot(document.getElementById("root") as HTMLElement).render(
  <StrictMode>
    <TransportProvider transport={transport}>
      <QueryClientProvider client={createQueryClient()}>
        <PlayerProvider player={player}>
          <ToastProvider>
            <BrowserRouter>
              <SignInPromptProvider>
                <LikesProvider>
                  <PlayerFailures failures={failures} />
                  <App />
                </LikesProvider>
              </SignInPromptProvider>
            </BrowserRouter>
          </ToastProvider>
        </PlayerProvider>
      </QueryClientProvider>
    </TransportProvider>
  </StrictMode>,
);
