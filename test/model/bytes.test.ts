import { expect, test } from "bun:test";
import { formatBytes } from "../../src/model/bytes.ts";

test.each([
  [0, "0 B"],
  [1, "1 B"],
  [1023, "1023 B"],
  [1024, "1.0 KiB"],
  [1536, "1.5 KiB"],
  [1_048_575, "1.0 MiB"],
  [42_152_755, "40.2 MiB"],
  [5 * 1024 ** 4, "5.0 TiB"],
  [5000 * 1024 ** 4, "5000.0 TiB"],
])("%d bytes read as %p", (bytes, expected) => {
  expect(formatBytes(bytes)).toBe(expected);
});
