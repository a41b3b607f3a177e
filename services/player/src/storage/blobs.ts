/** Where bytes lie under a name: a folder, or a bucket. */
export interface Blobs {
  /** Keeps a file of this machine under a name, whole or not at all; replaces what was there. */
  put(name: string, path: string): Promise<void>;
  /** The bytes from `start` to before `end`, as far as there are any; undefined where there is no such name. */
  read(name: string, start: number, end: number): Promise<Buffer | undefined>;
  /** What is not there is no error. */
  delete(name: string): Promise<void>;
  names(): AsyncIterable<string>;
}
