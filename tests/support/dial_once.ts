/** Connects to a server as the proxy does, with the permissions it is given: `NAME PORT`. */
import { dial } from "../../lib/upstream/dial.ts";

const [host = "", port = ""] = Deno.args;
const connection = await dial({ kind: "tcp", host, port: Number(port) }, { timeout: 10_000 });
connection.close();
