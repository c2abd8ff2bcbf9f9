/** Waits until everything that needs no I/O has happened: for what is to happen not at all. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setTimeout(resolve, 0));
}
