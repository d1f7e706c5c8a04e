import { ArchiveFile } from "./archive-file.ts";
import { type ArchivedTree, archiveTree, type TreeOptions } from "./archive-tree.ts";
import { DamagedArchive } from "./damaged.ts";
import { GzipWriter, type Sink } from "./gzip-writer.ts";
import { encodeHead, type ManifestHead } from "./manifest.ts";
import { ManifestWriter } from "./manifest-writer.ts";
import { readArchive } from "./read-archive.ts";

export interface WriteRequest extends Omit<TreeOptions, "cutOff"> {
  /** The folder whose contents are archived. */
  tree: string;
  head: ManifestHead;
  /** Paths for the archive, all of one folder, the same at each call: the first that is free is taken. */
  names(): Iterable<string>;
  /** Reads the archive back and compares it with its manifest before it gets its name. */
  readBack: boolean;
  /** Throws if what was read is not to be kept. */
  accept?: ((archived: ArchivedTree) => void) | undefined;
  /** Bytes of the archive that were read back, of its size. */
  onReadBack?: ((done: number, total: number) => void) | undefined;
}

export interface WrittenArchive extends ArchivedTree {
  path: string;
  /** Size of the archive. */
  bytes: number;
}

/**
 * Writes an archive with its manifest. When it returns, contents and name are durable; when it throws, nothing is left.
 * @throws {NymvisorError} when the tree cannot be read or the archive cannot be written; {DamagedArchive} when what was
 * read back is not what was written; and the signal's reason.
 */
export async function writeArchive(request: WriteRequest): Promise<WrittenArchive> {
  const { tree, head, names, readBack, accept, onReadBack: _, ...options } = request;
  const [first] = names();
  if (first === undefined) throw new Error("the archive has no name");
  const { pace } = options;
  const file = new ArchiveFile(first);
  try {
    const sink: Sink = (parts) => (pace === undefined ? file.write(parts) : file.writeGently(parts, pace));
    const gzip = new GzipWriter(sink, encodeHead(head));
    const cutOff = { position: () => file.bytes, truncate: (bytes: number) => file.truncate(bytes) };
    const archived = await archiveTree(tree, gzip, new ManifestWriter(head), { ...options, cutOff });
    accept?.(archived);
    await gzip.end();
    options.signal?.throwIfAborted();
    if (readBack) await compare(await file.complete(), archived, request);
    const path = await file.publish(names());
    return { ...archived, path, bytes: file.bytes };
  } catch (error) {
    await file.discard();
    throw error;
  }
}

async function compare(path: string, archived: ArchivedTree, request: WriteRequest): Promise<void> {
  const { signal, onReadBack, pace } = request;
  // What writing left behind is not to be added to what reading needs.
  Bun.gc(true);
  const read = await readArchive(path, () => undefined, { signal, onProgress: onReadBack, pace });
  const isWhole =
    read.head !== undefined && read.files === archived.files && read.contentBytes === archived.sourceBytes;
  if (!isWhole) throw new DamagedArchive("what was read back is not what was written");
}
