import { expect, test } from "vitest";
import { parseOptions } from "./options.ts";

test("without options the ports are those that people know", () => {
  expect(parseOptions([])).toEqual({
    help: false,
    music: undefined,
    ports: { gateway: 8080, consul: 8500, prometheus: 9090 },
  });
});

test("music and ports can be chosen", () => {
  const args = ["--music", "/m u s i c", "--port", "81", "--consul-port=82", "--prometheus-port", "83"];
  expect(parseOptions(args)).toMatchObject({
    music: "/m u s i c",
    ports: { gateway: 81, consul: 82, prometheus: 83 },
  });
});

test("what is not an option or not a port is refused in a sentence that names it", () => {
  expect(() => parseOptions(["--misuc", "/m"])).toThrow(
    "Unknown option '--misuc': make run ARGS=--help says which there are",
  );
  expect(() => parseOptions(["--port", "http"])).toThrow(
    '--port must be a port from 1 to 65535 (was "http")',
  );
  expect(() => parseOptions(["--port=0"])).toThrow("from 1 to 65535");
});
