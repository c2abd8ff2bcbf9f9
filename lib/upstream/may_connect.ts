/** @param host a name or an address, which may have a port behind it; without one it is for all of them */
export function mayConnect(host: string): boolean {
  return Deno.permissions.querySync({ name: "net", host }).state === "granted";
}
