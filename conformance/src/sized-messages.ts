import { once } from "node:events";
import { type DescMessage, fromBinary, type MessageShape, toBinary } from "@bufbuild/protobuf";

const PREFIX_BYTES = 4;

/** Reads one message from standard input, after its length in four bytes, big-endian. */
export async function readMessage<D extends DescMessage>(schema: D): Promise<MessageShape<D>> {
  let head = Buffer.alloc(0);
  while (head.length < PREFIX_BYTES || head.length < PREFIX_BYTES + head.readUInt32BE(0)) {
    const [chunk] = (await once(process.stdin, "data")) as [Buffer];
    head = Buffer.concat([head, chunk]);
  }
  return fromBinary(schema, head.subarray(PREFIX_BYTES, PREFIX_BYTES + head.readUInt32BE(0)));
}

/** Reads such messages until standard input ends. */
export async function* readMessages<D extends DescMessage>(schema: D): AsyncGenerator<MessageShape<D>> {
  let rest = Buffer.alloc(0);
  for await (const chunk of process.stdin) {
    rest = Buffer.concat([rest, chunk as Buffer]);
    while (rest.length >= PREFIX_BYTES && rest.length >= PREFIX_BYTES + rest.readUInt32BE(0)) {
      const end = PREFIX_BYTES + rest.readUInt32BE(0);
      yield fromBinary(schema, rest.subarray(PREFIX_BYTES, end));
      rest = rest.subarray(end);
    }
  }
}

/** Writes one message to standard output in the same way. */
export function writeMessage<D extends DescMessage>(schema: D, message: MessageShape<D>): void {
  const body = toBinary(schema, message);
  const prefix = Buffer.alloc(PREFIX_BYTES);
  prefix.writeUInt32BE(body.length, 0);
  process.stdout.write(Buffer.concat([prefix, body]));
}
