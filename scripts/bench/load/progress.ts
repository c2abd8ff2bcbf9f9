/** Told while a load runs, at each tenth of it that is done: 10, 20, and so on. */
export type Progress = (percent: number) => void;

/** What h2load says, and `browser.lua` like it: how much is done; undefined for any other line. */
export function parseProgress(line: string): number | undefined {
  const percent = /^progress: (\d+)% done$/.exec(line)?.[1];
  return percent === undefined ? undefined : Number(percent);
}

/** Gives what is to be called for each of so many things when it is done. */
export function tenthsOf(total: number, progress: Progress | undefined): () => void {
  let done = 0;
  let told = 0;
  return () => {
    done++;
    const tenths = Math.floor(done * 10 / total);
    if (tenths === told) return;
    told = tenths;
    progress?.(tenths * 10);
  };
}
