// Writes the page's files into the folder that is named: the same bytes on every machine.
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { build } from "esbuild";

const [folder] = process.argv.slice(2);
if (folder === undefined) {
  throw new Error("usage: node build.mjs FOLDER");
}

const licence = (await readFile("node_modules/uplot/LICENSE", "utf8")).split("\n")[2];
const options = {
  bundle: true,
  minify: true,
  charset: "utf8",
  legalComments: "none",
  target: ["chrome111", "firefox115", "safari16.4"],
  banner: Object.fromEntries(["js", "css"].map((kind) => [kind, `/* azmqtt. With uPlot, MIT, ${licence} */`])),
};

await mkdir(folder, { recursive: true });
await build({ ...options, entryPoints: ["src/app.ts"], format: "esm", outfile: join(folder, "app.js") });
await build({ ...options, entryPoints: ["src/app.css"], outfile: join(folder, "app.css") });
const html = await readFile("src/index.html", "utf8");
await writeFile(join(folder, "index.html"), html.replace(/\n\s*/g, "\n").trimStart());
