import { until } from "@antiphon/mesh/testing";
import {
  IdentityErrorDetailSchema,
  IdentityErrorReason,
  Role,
} from "@antiphon/proto/antiphon/identity/v1/identity";
import { timestampMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import { createLocalJWKSet, jwtVerify } from "jose";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Identity, type IdentityBed, identityBed } from "../testing/bed.ts";
import { ACCESS_TTL_MS, GRACE_MS, REFRESH_TTL_MS } from "./sessions.ts";

const PASSWORD = "a song of songs";
const OPERATOR = { email: "op@example.org", password: "the one who runs it" };

let bed: IdentityBed;
let identity: Identity;
let people = 0;

beforeAll(async () => {
  bed = await identityBed({
    ANTIPHON_OPERATOR_EMAIL: OPERATOR.email,
    ANTIPHON_OPERATOR_PASSWORD: OPERATOR.password,
  });
  identity = bed.as();
});
afterAll(() => bed.stop());

/** Registers somebody new. */
async function register() {
  people += 1;
  const email = `somebody-${people}@example.org`;
  const answer = await identity.register({ email, password: PASSWORD, displayName: "Some Body" });
  return { email, listener: answer.listener!, session: answer.session! };
}

/** The session that a refresh token is traded for. */
async function refreshed(refreshToken: string) {
  return (await identity.refresh({ refreshToken })).session!;
}

/** The error of a call, with its reason. */
async function errorOf(call: Promise<unknown>) {
  const error = await call.then(
    () => undefined,
    (cause) => ConnectError.from(cause),
  );
  if (!error) throw new Error("the call was answered");
  const [detail] = error.findDetails(IdentityErrorDetailSchema);
  return { code: error.code, message: error.rawMessage, reason: detail?.reason };
}

const ended = (reason: IdentityErrorReason) => ({ code: Code.Unauthenticated, reason });

async function verified(accessToken: string) {
  const { jwksJson } = await identity.getJwks({});
  return jwtVerify(accessToken, createLocalJWKSet(JSON.parse(jwksJson)), {
    algorithms: ["ES256"],
    issuer: "antiphon",
    audience: "antiphon",
    currentDate: new Date(bed.clock.now()),
  });
}

test("who registers is signed in, and known by a lower-case address", async () => {
  const { listener, session } = await identity.register({
    email: "Ada@Example.org",
    password: PASSWORD,
    displayName: " Ada ",
  });
  expect(listener).toMatchObject({ email: "ada@example.org", displayName: "Ada", role: Role.LISTENER });
  const { payload, protectedHeader } = await verified(session!.accessToken);
  expect(payload).toMatchObject({ sub: listener!.id, role: "listener" });
  expect(protectedHeader).toMatchObject({ alg: "ES256", kid: expect.any(String) });
  expect(timestampMs(session!.accessExpiresAt!)).toBe(bed.clock.now() + ACCESS_TTL_MS);
  expect(timestampMs(session!.refreshExpiresAt!)).toBe(bed.clock.now() + REFRESH_TTL_MS);
  expect((await bed.as(listener!.id).getMe({})).listener).toEqual(listener);

  const again = await identity.signIn({ email: " ADA@example.ORG ", password: PASSWORD });
  expect(again.listener).toEqual(listener);
});

test("an address is taken once, however it is written and however many ask at once", async () => {
  const all = ["eve@example.org", "EVE@example.org", "Eve@Example.org"].map((email) =>
    identity.register({ email, password: PASSWORD, displayName: "Eve" }),
  );
  const settled = await Promise.allSettled(all);
  const refused = settled.flatMap((each) =>
    each.status === "rejected" ? [errorOf(Promise.reject(each.reason))] : [],
  );
  expect(await Promise.all(refused)).toMatchObject(
    Array(2).fill({ code: Code.AlreadyExists, reason: IdentityErrorReason.EMAIL_TAKEN }),
  );
});

test("a registration is told to others once, as an id without a name or an address", async () => {
  const { listener, email } = await register();
  const { rows } = await until(async () => {
    const sent = await bed.pool.query("SELECT type, payload FROM outbox_sent WHERE key = $1", [listener.id]);
    return sent.rowCount ? sent : undefined;
  });
  expect(rows).toMatchObject([{ type: "identity.listener_registered.v1" }]);
  expect(rows[0].payload.toString()).toContain(listener.id);
  expect(rows[0].payload.toString()).not.toContain(email);
});

test("nothing secret is stored as it is", async () => {
  const { listener, session } = await register();
  const { rows } = await bed.pool.query<{ stored: string }>(
    `SELECT concat(l, f, t) AS stored FROM listener l
     JOIN session_family f ON f.listener_id = l.id JOIN refresh_token t ON t.family_id = f.id WHERE l.id = $1`,
    [listener.id],
  );
  const stored = rows[0]!.stored;
  expect(stored).toMatch(/\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
  for (const secret of [PASSWORD, session.refreshToken]) {
    expect(stored).not.toContain(secret);
    expect(stored).not.toContain(Buffer.from(secret).toString("hex"));
  }
});

test("a wrong password and an unknown address are refused alike", async () => {
  const { email } = await register();
  const wrong = await errorOf(identity.signIn({ email, password: "something else" }));
  expect(wrong).toMatchObject(ended(IdentityErrorReason.WRONG_CREDENTIALS));
  const unknown = await errorOf(identity.signIn({ email: "nobody@example.org", password: PASSWORD }));
  expect(unknown).toEqual(wrong);
});

test("a refresh token is traded for a new session", async () => {
  const { listener, session } = await register();
  const next = await refreshed(session.refreshToken);
  expect(next.refreshToken).not.toBe(session.refreshToken);
  expect((await verified(next.accessToken)).payload.sub).toBe(listener.id);
  expect((await refreshed(next.refreshToken)).refreshToken).not.toBe(next.refreshToken);
});

test("tabs that race with one refresh token all stay signed in", async () => {
  const { session } = await register();
  const racing = await Promise.all(Array.from({ length: 4 }, () => refreshed(session.refreshToken)));
  expect(new Set(racing.map((each) => each.refreshToken)).size).toBe(4);
  bed.clock.advance(GRACE_MS);
  for (const { refreshToken } of racing) await refreshed(refreshToken);
});

test("a refresh token that is used again after the grace ends the whole family", async () => {
  const { email, session } = await register();
  const other = (await identity.signIn({ email, password: PASSWORD })).session!;
  const next = await refreshed(session.refreshToken);
  bed.clock.advance(GRACE_MS);
  const reused = ended(IdentityErrorReason.SESSION_REUSED);
  expect(await errorOf(refreshed(session.refreshToken))).toMatchObject(reused);
  expect(await errorOf(refreshed(next.refreshToken))).toMatchObject(reused);
  // Another sign-in is another family.
  await refreshed(other.refreshToken);
});

test("a refresh token whose successor was traded already ends the family within the grace too", async () => {
  const { session } = await register();
  const next = await refreshed(session.refreshToken);
  const last = await refreshed(next.refreshToken);
  expect(await errorOf(refreshed(session.refreshToken))).toMatchObject(
    ended(IdentityErrorReason.SESSION_REUSED),
  );
  expect(await errorOf(refreshed(last.refreshToken))).toMatchObject(
    ended(IdentityErrorReason.SESSION_REUSED),
  );
});

test("a session that fell behind its siblings may race as well", async () => {
  const { session } = await register();
  const [ahead, behind] = await Promise.all([
    refreshed(session.refreshToken),
    refreshed(session.refreshToken),
  ]);
  await refreshed((await refreshed(ahead!.refreshToken)).refreshToken);
  await Promise.all([refreshed(behind!.refreshToken), refreshed(behind!.refreshToken)]);
});

test("a session that is not refreshed for thirty days has ended", async () => {
  const { session } = await register();
  bed.clock.advance(REFRESH_TTL_MS);
  expect(await errorOf(refreshed(session.refreshToken))).toMatchObject(
    ended(IdentityErrorReason.SESSION_EXPIRED),
  );
});

test("signing out ends all sessions of a sign-in, and is no error twice or with an unknown token", async () => {
  const { session } = await register();
  const next = await refreshed(session.refreshToken);
  await identity.signOut({ refreshToken: session.refreshToken });
  await identity.signOut({ refreshToken: session.refreshToken });
  await identity.signOut({ refreshToken: "unknown" });
  await identity.signOut({});
  for (const { refreshToken } of [session, next]) {
    expect(await errorOf(refreshed(refreshToken))).toMatchObject(ended(IdentityErrorReason.SESSION_EXPIRED));
  }
});

test("the operator of the settings has the operator role", async () => {
  const { listener, session } = await identity.signIn(OPERATOR);
  expect(listener?.role).toBe(Role.OPERATOR);
  expect((await verified(session!.accessToken)).payload.role).toBe("operator");
});

test("an account that somebody made with the operator's address before is taken over", async () => {
  const { email, session } = await register();
  const password = "known to the operator";
  const settings = { ANTIPHON_OPERATOR_EMAIL: email.toUpperCase(), ANTIPHON_OPERATOR_PASSWORD: password };
  await bed.addReplica(settings);
  expect(await errorOf(identity.signIn({ email, password: PASSWORD }))).toMatchObject(
    ended(IdentityErrorReason.WRONG_CREDENTIALS),
  );
  expect(await errorOf(refreshed(session.refreshToken))).toMatchObject(
    ended(IdentityErrorReason.SESSION_EXPIRED),
  );
  const operator = await identity.signIn({ email, password });
  expect(operator.listener?.role).toBe(Role.OPERATOR);
  // The next start with the same settings leaves sessions alone.
  await bed.addReplica(settings);
  await refreshed(operator.session!.refreshToken);
});

test("who I am needs somebody who is signed in and known", async () => {
  expect(await errorOf(identity.getMe({}))).toMatchObject({ code: Code.Unauthenticated });
  expect(await errorOf(bed.as("lst_gone").getMe({}))).toMatchObject({
    code: Code.NotFound,
    reason: IdentityErrorReason.LISTENER_NOT_FOUND,
  });
});

const valid = { email: "new@example.org", password: PASSWORD, displayName: "New" };
const LONG = "x".repeat(10_000);

test.each<[string, RegExp, () => Promise<unknown>]>([
  ["an address that is none", /^email: /, () => identity.register({ ...valid, email: "new" })],
  ["an empty address", /^email: /, () => identity.register({ ...valid, email: "" })],
  ["a long address", /^email: .*254/, () => identity.register({ ...valid, email: `${LONG}@example.org` })],
  ["a short password", /^password: .*\(was 7\)/, () => identity.register({ ...valid, password: "1234567" })],
  ["a long password", /^password: .*\(was 10000\)/, () => identity.register({ ...valid, password: LONG })],
  ["an empty name", /^display_name: /, () => identity.register({ ...valid, displayName: "" })],
  ["a blank name", /^display_name: /, () => identity.register({ ...valid, displayName: "  " })],
  ["a long name", /^display_name: .*\(was 10000\)/, () => identity.register({ ...valid, displayName: LONG })],
  ["no address to sign in", /^email: /, () => identity.signIn({ ...valid, email: "" })],
  ["no password to sign in", /^password: /, () => identity.signIn({ ...valid, password: "" })],
  ["a long refresh token", /^refresh_token: .*\(was 10000\)/, () => identity.refresh({ refreshToken: LONG })],
])("%s is an invalid argument, and the message names the field", async (_, message, call) => {
  const error = await errorOf(call());
  expect(error).toMatchObject({ code: Code.InvalidArgument, message: expect.stringMatching(message) });
});

test("a NUL in a text is an invalid argument", async () => {
  const nul = { code: Code.InvalidArgument, message: expect.stringContaining("NUL") };
  expect(await errorOf(identity.register({ ...valid, displayName: "N\0w" }))).toMatchObject(nul);
  expect(await errorOf(identity.signIn({ ...valid, email: "n\0w@example.org" }))).toMatchObject(nul);
});

test("a refresh token that is missing or unknown is an ended session", async () => {
  expect(await errorOf(identity.refresh({}))).toMatchObject(ended(IdentityErrorReason.SESSION_EXPIRED));
  expect(await errorOf(refreshed("unknown"))).toMatchObject(ended(IdentityErrorReason.SESSION_EXPIRED));
});
