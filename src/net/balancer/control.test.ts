// What a running balancer is asked by other processes.

import { mkdtempSync, rmSync, statSync } from "node:fs";
import { connect, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ask, NoBalancerError, serveControl } from "./control.ts";

const folder = mkdtempSync(join(tmpdir(), "scry-control-"));
const path = join(folder, "balance.sock");
let server: Server;
beforeAll(async () => {
  server = await serveControl(path, (question) => {
    const { do: what } = question as { do: string };
    if (what === "fail") throw new Error("not so");
    return { asked: what };
  });
});
afterAll(() => {
  server.close();
  rmSync(folder, { recursive: true });
});

/** What is answered to bytes, until it is closed or says a line. */
const raw = (text: string): Promise<string> =>
  new Promise((resolve) => {
    const socket = connect(path, () => socket.write(text));
    let said = "";
    socket.on("data", (more) => {
      said += more;
      if (said.includes("\n")) socket.destroy();
    });
    socket.on("error", () => undefined);
    socket.on("close", () => resolve(said.trim()));
  });

describe("the control socket", () => {
  it("answers, and is nobody else's", async () => {
    expect(await ask(path, { do: "status" })).toEqual({ asked: "status" });
    await expect(ask(path, { do: "fail" })).rejects.toThrow("not so");
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  it("says where nobody is", async () => {
    await expect(ask(join(folder, "none.sock"), {})).rejects.toThrow(NoBalancerError);
  });

  it("stands what is no question", async () => {
    expect(JSON.parse(await raw("{\n"))).toEqual({ error: expect.any(String) });
    expect(JSON.parse(await raw("null\n"))).toEqual({ error: expect.any(String) });
    expect(await raw("x".repeat(100_000))).toBe("");
    expect(await ask(path, { do: "again" })).toEqual({ asked: "again" });
  });

  it("takes the place of one that was left behind", async () => {
    const again = await serveControl(path, () => "new");
    expect(await ask(path, {})).toBe("new");
    again.close();
  });
});
