import { expect, test } from "vitest";
import { findDebianMirror } from "./debian-sources.ts";

const list = (text: string) => ({ name: "/etc/apt/sources.list", text });
const sources = (text: string) => ({ name: "/etc/apt/sources.list.d/debian.sources", text });

test("the mirror is read from one-line sources, with or without options", () => {
  expect(findDebianMirror([list("deb http://mirror.test/debian bookworm main contrib\n")])).toEqual({
    uri: "http://mirror.test/debian",
  });
  const signed = "deb [arch=amd64 signed-by=/keys/debian.gpg] https://mirror.test/debian trixie main # ours";
  expect(findDebianMirror([list(signed)])).toEqual({
    uri: "https://mirror.test/debian",
    signedBy: "/keys/debian.gpg",
  });
});

test("the mirror is read from deb822 stanzas, whatever their comments and line breaks", () => {
  const text = `# comment
Types: deb deb-src
# http://snapshot.test/debian
URIs: http://mirror.test/debian
Suites: trixie
 trixie-updates
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
`;
  expect(findDebianMirror([sources(text)])).toEqual({
    uri: "http://mirror.test/debian",
    signedBy: "/usr/share/keyrings/debian-archive-keyring.gpg",
  });
});

test("a key block stays as it is", () => {
  const key =
    "Signed-By:\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n mQIN\n -----END PGP PUBLIC KEY BLOCK-----";
  const text = `Types: deb\nURIs: http://mirror.test/debian\nSuites: bookworm\nComponents: main\n${key}\n`;
  expect(findDebianMirror([sources(text)])?.signedBy).toContain(" .\n mQIN\n");
});

test("security, source-only, disabled, cdrom and other distributions' sources are passed over", () => {
  const files = [
    list(`deb cdrom:[Debian 12]/ bookworm main
deb-src http://source.test/debian bookworm main
deb http://security.test/debian-security bookworm-security main
deb http://ubuntu.test/ubuntu noble main universe
# deb http://commented.test/debian bookworm main
deb http://node.test/node_26.x nodistro main`),
    sources("Types: deb\nURIs: http://off.test/debian\nSuites: bookworm\nComponents: main\nEnabled: no\n"),
  ];
  expect(findDebianMirror(files)).toBeUndefined();
  expect(findDebianMirror([...files, list("deb http://mirror.test/debian stable main")])?.uri).toBe(
    "http://mirror.test/debian",
  );
});
