// nginx with sendfile, serving $FILE as /file. It wants its port before it starts and says nothing when it has: both are done
// here. It runs as a child of this process, which does nothing else.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { FILE } from './content.mjs'

const port = await freePort()
const folder = mkdtempSync(join(tmpdir(), 'bench-nginx-'))
process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
symlinkSync(FILE, join(folder, 'file'))
writeFileSync(
  join(folder, 'nginx.conf'),
  `daemon off;
master_process off;
pid ${folder}/pid;
error_log stderr;
events { worker_connections 256; }
http {
  access_log off;
  client_body_temp_path ${folder}/body;
  proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/fastcgi;
  uwsgi_temp_path ${folder}/uwsgi;
  scgi_temp_path ${folder}/scgi;
  default_type application/octet-stream;
  sendfile on;
  tcp_nopush on;
  server {
    listen 127.0.0.1:${port};
    root ${folder};
  }
}
`,
)
// `--pdeathsig`: it must not outlive this process, however that ends.
const command = ['--pdeathsig', 'KILL', 'nginx', '-e', 'stderr', '-p', folder, '-c', join(folder, 'nginx.conf')]
const nginx = spawn('setpriv', command, { stdio: ['ignore', 'inherit', 'inherit'] })
nginx.once('exit', (status) => process.exit(status ?? 1))
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => nginx.kill())

while (!(await answers(port))) await sleep(20)
console.log(`listening on 127.0.0.1:${port}`)

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address()
  server.close()
  await once(server, 'close')
  return port
}

/** @param {number} port */
async function answers(port) {
  const socket = connect(port, '127.0.0.1')
  try {
    await once(socket, 'connect')
    return true
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}
