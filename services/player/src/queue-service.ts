import {
  type Clock,
  fail,
  type Logger,
  requireListener,
  TooManyWatchersError,
  type VersionFeed,
} from "@antiphon/mesh";
import {
  ApplyQueueChangesRequestSchema,
  QueueErrorReason,
  type QueueService,
  TransferRequestSchema,
} from "@antiphon/proto/antiphon/player/v1/queue";
import { toBinary } from "@bufbuild/protobuf";
import { Code, type ServiceImpl } from "@connectrpc/connect";
import { refuseQueue } from "./errors.ts";
import { asOf, reported, transferred } from "./playhead.ts";
import { applyChanges, MAX_ITEMS, type Queue } from "./queue.ts";
import { changeOf, idsOf, itemMessage, stateMessage } from "./queue-messages.ts";
import { DEVICE_LEASE_MS, type Device, type QueueHead } from "./queue-rows.ts";
import { type Command, KeyReusedError, type Presence, type QueueStore } from "./queue-store.ts";
import { QueueUpdates } from "./queue-updates.ts";
import type { TrackStore } from "./track-store.ts";

export interface QueueDeps {
  readonly queues: QueueStore;
  /** Titles, from the player's own copies: no other service is waited for. */
  readonly copies: Pick<TrackStore, "find">;
  readonly feed: Pick<VersionFeed, "watch">;
  readonly clock: Clock;
  readonly log: Logger;
  /** Aborts when this instance drains. */
  readonly draining: AbortSignal;
}

/** Items of GetQueue that come with their track. */
const WITH_TRACK = 1_000;

export function queueService(deps: QueueDeps): ServiceImpl<typeof QueueService> {
  const { queues, copies, feed, clock, log, draining } = deps;

  const state = (head: QueueHead) => stateMessage(head, clock.now());

  async function command(
    given: Command,
    work: (queue: Queue, devices: readonly Device[]) => Queue,
  ): Promise<QueueHead> {
    try {
      return await queues.command(given, work);
    } catch (error) {
      if (error instanceof KeyReusedError) throw fail(Code.InvalidArgument, error.message);
      throw error;
    }
  }

  return {
    async getQueue() {
      const { head, items } = await queues.whole(requireListener().id);
      const known = await copies.find(items.slice(0, WITH_TRACK).map(({ trackId }) => trackId));
      return { state: state(head), items: items.map((item) => itemMessage(item, known)) };
    },

    async *watchQueue({ device }, { signal }) {
      const { id: listenerId } = requireListener();
      const updates = new QueueUpdates(deps, listenerId);
      const presence = await queues.enter(listenerId, device!);
      const stay = keepThere(presence, log);
      try {
        const ended = AbortSignal.any([signal, draining]);
        for await (const _version of feed.watch(listenerId, ended)) yield* updates.next();
      } catch (error) {
        if (error instanceof TooManyWatchersError) throw fail(Code.ResourceExhausted, error.message);
        throw error;
      } finally {
        clearInterval(stay);
        await presence.leave().catch((error: unknown) => log.warn({ err: error }, "a device leaves unseen"));
      }
    },

    async applyQueueChanges(request) {
      const { id: listenerId } = requireListener();
      const { deviceId, baseVersion, idempotencyKey: key } = request;
      const changes = request.changes.map(changeOf);
      const binary = toBinary(ApplyQueueChangesRequestSchema, request);
      const head = await command({ listenerId, key, request: binary }, (queue, devices) => {
        if (baseVersion > queue.version) throw aheadOf(queue, baseVersion);
        const after = applyChanges(queue, changes, {
          deviceId,
          baseVersion: Number(baseVersion) || queue.version,
          key,
          atMs: clock.now(),
          present: idsOf(devices),
        });
        if (after.items.length > MAX_ITEMS) throw full(after.items.length);
        return after;
      });
      return { state: state(head) };
    },

    async transfer(request) {
      const { id: listenerId } = requireListener();
      const { toDeviceId: deviceId, positionMs, play, idempotencyKey: key } = request;
      const binary = toBinary(TransferRequestSchema, request);
      const head = await command({ listenerId, key, request: binary }, (queue, devices) => {
        const present = idsOf(devices);
        if (!present.has(deviceId)) {
          const message = `to_device_id: device ${deviceId} does not watch this queue`;
          throw refuseQueue(QueueErrorReason.DEVICE_NOT_FOUND, deviceId, message);
        }
        const now = asOf(queue.playhead, present, clock.now());
        const playhead = transferred(now, { deviceId, positionMs, play, key });
        return { ...queue, version: queue.version + 1, playhead };
      });
      return { state: state(head) };
    },

    async reportDevice(report) {
      await queues.report(requireListener().id, ({ playhead, currentId }) =>
        reported(playhead, currentId, report, clock.now()),
      );
      return {};
    },
  };
}

/** Says that a device is still there, thrice in its lease. */
function keepThere(presence: Presence, log: Logger): NodeJS.Timeout {
  return setInterval(() => {
    presence
      .stay()
      .catch((error: unknown) =>
        log.warn({ err: error }, "a device could not be kept there; it is tried again"),
      );
  }, DEVICE_LEASE_MS / 3);
}

function aheadOf({ version }: Queue, baseVersion: bigint) {
  return fail(
    Code.InvalidArgument,
    `base_version: must be at most ${version}, the queue's version (was ${baseVersion})`,
  );
}

function full(items: number) {
  const message = `a queue holds at most ${MAX_ITEMS} items; this would make ${items}`;
  return refuseQueue(QueueErrorReason.FULL, "", message);
}
