interface Options {
  env?: Record<string, string>;
  columns?: number;
}

/** Runs a command on a terminal of its own. @returns all that it wrote there, once the terminal has closed. */
export async function runOnTerminal(command: string[], { env = {}, columns = 80 }: Options = {}): Promise<string> {
  const chunks: Uint8Array[] = [];
  const closed = Promise.withResolvers<void>();
  // With CI set the runtime takes no terminal for one that has colours.
  const { CI: _, ...inherited } = process.env;
  const child = Bun.spawn(command, {
    env: { ...inherited, NO_COLOR: "", TERM: "xterm-256color", ...env },
    terminal: {
      cols: columns,
      data: (_terminal, bytes) => void chunks.push(bytes.slice()),
      exit: () => closed.resolve(),
    },
  });
  await Promise.all([child.exited, closed.promise]);
  return Buffer.concat(chunks).toString("utf8");
}
