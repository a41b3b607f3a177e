/// <reference lib="dom" />
import { until } from "@antiphon/mesh/testing";
import type { BrowserContext, Page } from "playwright-core";
import { PASSWORD, type TestSystem } from "./system.ts";

/** A page on which a listener hears a track. */
export interface ListeningPage {
  readonly page: Page;
  /** The seek bar, in milliseconds. */
  readonly slider: ReturnType<Page["getByTestId"]>;
  /** Seconds into the track. */
  position(): Promise<number>;
  /** Waits until a second of music has sounded behind `fromS`. */
  heardFrom(fromS: number): Promise<void>;
  /** Moves to a place of which nothing is buffered: what sounds there was fetched after this. */
  seekTo(share: number): Promise<void>;
}

/** Signs a new listener in and plays the first track. Resolves when it is heard. */
export async function openListeningPage(system: TestSystem, context: BrowserContext): Promise<ListeningPage> {
  const { email } = await system.register();
  const page = await context.newPage();
  await page.goto("/sign-in");
  await page.getByLabel("E-mail").fill(email);
  await page.getByLabel("Password").fill(PASSWORD);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByTestId("listener-name").waitFor();
  const { title, id } = system.tracks[0]!;
  await page.goto(`/search?q=${encodeURIComponent(title)}`);
  await page
    .locator(`[data-testid=track-row][data-track-id=${id}]`)
    .getByRole("button", { name: /^Play / })
    .click();

  const slider = page.getByTestId("player").getByTestId("seek");
  const position = async () => Number(await slider.inputValue()) / 1000;
  const heardFrom = async (fromS: number) => {
    const options = { what: `music behind second ${fromS}`, timeoutMs: 30_000 };
    await until(async () => (await position()) > fromS + 1, options);
  };
  await heardFrom(0);
  return {
    page,
    slider,
    position,
    heardFrom,
    async seekTo(share) {
      const targetS = Math.round((Number(await slider.getAttribute("max")) * share) / 1000);
      await slider.fill(String(targetS * 1000));
      await heardFrom(targetS);
    },
  };
}
