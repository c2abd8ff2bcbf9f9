// What one writes first: `node:tls` piped to a socket. It runs on Node and on Deno alike:
// node_pipe.mjs PORT BACKEND_PORT CERT KEY
import { readFileSync } from "node:fs";
import { connect } from "node:net";
import process from "node:process";
import { createServer } from "node:tls";

const [port, backendPort, cert, key] = process.argv.slice(2);
const tls = { cert: readFileSync(cert), key: readFileSync(key), minVersion: "TLSv1.3" };
const server = createServer({ ...tls, noDelay: true }, (client) => {
  const backend = connect({ host: "127.0.0.1", port: Number(backendPort), noDelay: true });
  client.pipe(backend).pipe(client);
  client.on("error", () => backend.destroy());
  backend.on("error", () => client.destroy());
});
server.on("tlsClientError", () => {});
server.listen(Number(port), "127.0.0.1");
process.on("SIGTERM", () => process.exit(0));
