import { QueueService } from "@antiphon/proto/antiphon/player/v1/queue";
import { createClient } from "@connectrpc/connect";
import { TransportProvider } from "@connectrpc/connect-query";
import { QueryClientProvider } from "@tanstack/react-query";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { BrowserRouter } from "react-router";
import { App } from "./app.tsx";
import { ownDevice } from "./devices/device.ts";
import { QueueSharing, SharedQueueProvider } from "./devices/devices-context.tsx";
import { SharedQueue } from "./devices/shared-queue.ts";
import { LikesProvider } from "./library/likes.tsx";
import { createPlayer } from "./playback/create-player.ts";
import { PlayerProvider } from "./playback/player-context.tsx";
import { PlayerFailures, playerFailures } from "./playback/player-failures.tsx";
import { isFinal } from "./rpc/errors.ts";
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
const shared = new SharedQueue(player, ownDevice(navigator), {
  queue: createClient(QueueService, transport),
  isFinal,
});

createRoot(document.getElementById("root") as HTMLElement).render(
  <StrictMode>
    <TransportProvider transport={transport}>
      <QueryClientProvider client={createQueryClient()}>
        <PlayerProvider player={player}>
          <ToastProvider>
            <BrowserRouter>
              <SignInPromptProvider>
                <LikesProvider>
                  <SharedQueueProvider shared={shared}>
                    <PlayerFailures failures={failures} />
                    <QueueSharing />
                    <App />
                  </SharedQueueProvider>
                </LikesProvider>
              </SignInPromptProvider>
            </BrowserRouter>
          </ToastProvider>
        </PlayerProvider>
      </QueryClientProvider>
    </TransportProvider>
  </StrictMode>,
);
