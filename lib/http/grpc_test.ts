import assert from "node:assert/strict";
import { field } from "./field.ts";
import { grpcFields, isGrpc } from "./grpc.ts";

/** What is told of an answer with this status and body. */
function told(status: number, body: Uint8Array): Readonly<Record<string, string>> {
  const fields = [field("Content-Type", "text/plain"), field("Retry-After", "2")];
  const list: Record<string, string> = {};
  grpcFields({ status, fields, body }, 0)((name, value) => void (list[name] = value));
  return list;
}

const encoder = new TextEncoder();

Deno.test("isGrpc() knows gRPC by its type, and takes gRPC-Web for plain HTTP", () => {
  const TYPES = {
    ...{ "application/grpc": true, "Application/gRPC+proto": true, "application/grpc;a=b": true },
    ...{ "application/grpc-web": false, "application/json": false, "": false },
  };
  for (const [type, expected] of Object.entries(TYPES)) {
    assert.equal(isGrpc({ values: () => type === "" ? [] : [type] }), expected, type);
  }
});

Deno.test("grpcFields() tells the first line of a body, and nothing of a body", () => {
  assert.deepEqual(told(503, encoder.encode("no server\nid 1\n")), {
    "content-type": "application/grpc",
    "grpc-status": "14",
    "grpc-message": "no server",
    "retry-after": "2",
    date: "Thu, 01 Jan 1970 00:00:00 GMT",
  });
});

Deno.test("grpcFields() tells the status where it says nothing else, also one that gRPC has not", () => {
  const { "grpc-status": status, "grpc-message": message } = told(418, new Uint8Array());
  assert.deepEqual([status, message], ["2", "HTTP 418"]);
});

Deno.test("grpcFields() encodes what is not printable ASCII", () => {
  assert.equal(told(400, encoder.encode("100 % ü\t"))["grpc-message"], "100 %25 %C3%BC%09");
});

Deno.test("grpcFields() leaves out what a character begins with that is cut in two", () => {
  const message = told(400, encoder.encode(`${"a".repeat(1023)}ü`))["grpc-message"];
  assert.equal(message, "a".repeat(1023));
});
