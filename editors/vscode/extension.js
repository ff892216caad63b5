// Starts `scry lsp` for bpftrace scripts, and anew when its settings change.

const { commands, window, workspace } = require("vscode");
const { LanguageClient, TransportKind } = require("vscode-languageclient/node");

/** @type {LanguageClient | undefined} */
let client;
/** One start or stop at a time. */
let last = Promise.resolve();

async function start() {
  const settings = workspace.getConfiguration("scry");
  const command = settings.get("path") || "scry";
  const server = { command, args: ["lsp", ...settings.get("arguments", [])], transport: TransportKind.stdio };
  const documents = { documentSelector: [{ language: "bpftrace" }] };
  try {
    client = new LanguageClient("scry", "Scry", { run: server, debug: server }, documents);
    await client.start();
  } catch (error) {
    client = undefined;
    const chosen = await window.showErrorMessage(
      `'${command} lsp' does not start: ${error instanceof Error ? error.message : error}. Where is scry?`,
      "Open Settings",
    );
    if (chosen !== undefined) await commands.executeCommand("workbench.action.openSettings", "scry.path");
  }
}

async function stop() {
  const running = client;
  client = undefined;
  // A server that has failed cannot be asked to end.
  await running?.stop().catch(() => {});
}

function restart() {
  last = last.then(stop).then(start);
  return last;
}

exports.activate = (context) => {
  context.subscriptions.push(
    commands.registerCommand("scry.restart", restart),
    workspace.onDidChangeConfiguration((change) => {
      if (change.affectsConfiguration("scry.path") || change.affectsConfiguration("scry.arguments")) void restart();
    }),
  );
  void restart();
};

exports.deactivate = stop;
