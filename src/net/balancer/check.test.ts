// Health checks, of servers on loopback.

import { execFileSync } from "node:child_process";
import { createSocket } from "node:dgram";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer as createHttp } from "node:http";
import { createServer as createHttps } from "node:https";
import { type AddressInfo, createServer as createTcp, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { hasTool, lacking } from "../../../test/support/skips.ts";
import type { Health, Service } from "../balance/index.ts";
import { check, checkTarget } from "./check.ts";
import { type HealthChange, HealthChecks } from "./health-checks.ts";

const ends: (() => void)[] = [];
afterAll(() => {
  for (const end of ends) end();
});

const HEALTH: Health = { kind: "tcp", target: "", every: 0.05, timeout: 0.5, rise: 2, fall: 2, slowStart: 0 };
async function listening(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  ends.push(() => server.close());
  return (server.address() as AddressInfo).port;
}
const at = (port: number) => ({ address: "127.0.0.1", port });
async function closedPort(): Promise<number> {
  const server = createTcp();
  const port = await listening(server);
  await new Promise((resolve) => server.close(resolve));
  return port;
}

describe("a check", () => {
  it("of TCP is a connection", async () => {
    expect(await check(at(await listening(createTcp())), HEALTH)).toBeUndefined();
    expect(await check(at(await closedPort()), HEALTH)).toBe("ECONNREFUSED");
  });

  it("of HTTP is an answer from 200 to 399, in time", async () => {
    const asked: string[] = [];
    const port = await listening(
      createHttp((request, response) => {
        asked.push(`${request.url} of ${request.headers.host}`);
        if (request.url === "/slow") return;
        response.writeHead(Number(request.url?.slice(1))).end();
      }),
    );
    const http = (target: string, more: Partial<Health> = {}): Promise<string | undefined> =>
      check(at(port), { ...HEALTH, kind: "http", target, ...more });
    expect(await http("/200", { host: "web.example" })).toBeUndefined();
    expect(await http("/302")).toBeUndefined();
    expect(await http("/404")).toBe("answered with 404");
    expect(await http("/503")).toBe("answered with 503");
    expect(await http("/slow", { timeout: 0.1 })).toBe("no answer in 0.1 s");
    expect(asked[0]).toBe("/200 of web.example");
    // What answers is no HTTP.
    const other = await listening(createTcp((socket) => socket.end("hello\n")));
    expect(await check(at(other), { ...HEALTH, kind: "http", target: "/" })).toMatch(/HPE_|Parse/);
  });

  it.skipIf(lacking("health checks of HTTPS", { openssl: hasTool("openssl") }))(
    "of HTTPS is one by TLS, whoever signed",
    async () => {
      const folder = mkdtempSync(join(tmpdir(), "scry-check-"));
      ends.push(() => rmSync(folder, { recursive: true }));
      const [key, cert] = [join(folder, "key.pem"), join(folder, "cert.pem")];
      const words = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=web.example";
      execFileSync("openssl", [...words.split(" "), "-keyout", key, "-out", cert], { stdio: "ignore" });
      const port = await listening(
        createHttps({ key: readFileSync(key), cert: readFileSync(cert) }, (_, response) => void response.end("well")),
      );
      const https: Health = { ...HEALTH, kind: "https", target: "/", host: "web.example", timeout: 2 };
      expect(await check(at(port), https)).toBeUndefined();
      const plain = await listening(createHttp((_, response) => void response.end()));
      expect(await check(at(plain), https)).toBeDefined();
    },
  );

  it("of DNS is an answer to a question", async () => {
    const server = createSocket("udp4");
    const names: string[] = [];
    server.on("message", (bytes, from) => {
      const name = bytes.subarray(13, 13 + (bytes[12] ?? 0)).toString();
      names.push(name);
      if (name === "silent") return;
      const answer = Buffer.from(bytes);
      answer[2] = 0x81;
      answer[3] = name === "nobody" ? 0x83 : 0x80;
      server.send(answer, from.port, from.address);
    });
    await new Promise<void>((resolve) => server.bind(0, "127.0.0.1", resolve));
    ends.push(() => server.close());
    const dns = (target: string): Promise<string | undefined> =>
      check(at(server.address().port), { ...HEALTH, kind: "dns", target, timeout: 0.2 });
    expect(await dns("web.example")).toBeUndefined();
    expect(await dns("nobody.example")).toBe("answered with NXDOMAIN");
    expect(await dns("silent")).toBe("no answer in 0.2 s");
    expect(names).toEqual(["web", "nobody", "silent"]);
    expect(await check(at(await closedPort()), { ...HEALTH, kind: "dns", target: "a" })).toBe("ECONNREFUSED");
  });

  it("goes to the check's port, the server's, or the service's", () => {
    const service = { ports: { from: 80, to: 80 } } as Service;
    const server = { name: "a", address: "10.0.0.1", weight: 1, drain: false };
    expect(checkTarget(service, server, HEALTH).port).toBe(80);
    expect(checkTarget(service, { ...server, port: 8080 }, HEALTH).port).toBe(8080);
    expect(checkTarget(service, { ...server, port: 8080 }, { ...HEALTH, port: 9 }).port).toBe(9);
  });
});

describe("health checks", () => {
  it("tell when a server goes, comes back slowly, and is watched no more", async () => {
    const server = createTcp((socket) => socket.destroy());
    const port = await listening(server);
    const changes: HealthChange[] = [];
    const checks = new HealthChecks((more) => changes.push(...more));
    ends.push(() => checks.close());
    const service: Service = {
      name: "web",
      address: "192.0.2.1",
      ports: { from: port, to: port },
      protocol: "tcp",
      mode: "packets",
      forward: "ipip",
      affinity: "none",
      servers: [{ name: "a", address: "127.0.0.1", weight: 1, drain: false }],
      health: { ...HEALTH, slowStart: 1 },
    };
    const until = async (done: () => boolean): Promise<void> => {
      for (let i = 0; i < 400 && !done(); i++) await new Promise((resolve) => setTimeout(resolve, 20));
      expect(done()).toBe(true);
    };
    const turns = (): string[] =>
      changes.filter(({ turned }) => turned).map(({ standing, why }) => `${standing.state} ${why ?? ""}`);
    checks.watch([service]);
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(changes).toEqual([]);
    await new Promise((resolve) => server.close(resolve));
    await until(() => turns().length === 1);
    expect(turns()).toEqual(["down ECONNREFUSED"]);
    expect(checks.why("web 127.0.0.1 0")).toBe("ECONNREFUSED");
    await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
    await until(() => turns().length === 2);
    expect(turns()[1]).toBe("up ");
    await until(() => changes.at(-1)?.standing.share === 1);
    const shares = changes.slice(1).map(({ standing }) => standing.share);
    expect(shares[0]).toBe(0.1);
    expect([...shares].sort((a, b) => a - b)).toEqual(shares);
    checks.watch([]);
    const count = changes.length;
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(changes).toHaveLength(count);
  });
});
