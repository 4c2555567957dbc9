# SPDX-License-Identifier: GPL-3.0-or-later
"""Programs that fetch: on the command line, by the dozen, and from a person's own scripts."""

from table1.lab import PYTHON
from table1.row import CannotRun, program

NAMES = [f"host{i}.test" for i in range(8)]


@program("curl", "curl", light=True, programs=["curl"], packages=["curl"])
def curl(lab, run):
    scheme = "https" if lab.cert else "http"
    run.sh(f"for h in a b c d; do curl -fsS -o /dev/null {scheme}://$h.far.test/bytes/200000; done;"
           "curl -fsSL -o /dev/null http://v4a.test/to/http://v4b.test/bytes/10 -o /dev/null http://v4c.test/slow/100000/1.5")


@program("curl-parallel", "curl --parallel", light=True, programs=["curl"], packages=["curl"])
def curl_parallel(lab, run):
    urls = " ".join(f"-o /dev/null http://{n}/slow/50000/1" for n in NAMES)
    run.sh(f"curl -fsS --parallel {urls}")


@program("wget", "wget", light=True, programs=["wget"], packages=["wget"])
def wget(lab, run):
    lab.file("www/site/index.html", "".join(f'<a href="page{i}.html">p</a>' for i in range(6)))
    for i in range(6):
        lab.file(f"www/site/page{i}.html", f"page {i}")
    run.sh(f"cd {run.folder()}; wget -q -r -l 2 http://www.test/site/; wget -q -O /dev/null http://b.test/bytes/1000000;"
           "wget -q -O /dev/null http://c.test/slow/10000/2 & wget -q -O /dev/null http://d.test/slow/10000/2; wait")


@program("xargs-curl", "parallel downloader (xargs -P curl)", light=True, programs=["curl", "xargs"], packages=["curl"])
def xargs_curl(lab, run):
    run.sh("seq 24 | xargs -P 6 -I{} curl -fsS -o /dev/null http://host{}.test/slow/20000/0.5")


@program("aria2", "parallel downloader (aria2c -x 8)", programs=["aria2c"], packages=["aria2"])
def aria2(lab, run):
    run.sh(f"cd {run.folder()}; aria2c -q --allow-overwrite=true -x 8 -s 8 -k 1M --file-allocation=none"
           " -Z http://a.test/bytes/30000000 http://b.test/bytes/20000001 http://c.test/bytes/20000002")


@program("wget2", "parallel downloader (wget2)", programs=["wget2"], packages=["wget2"])
def wget2(lab, run):
    for i in range(30):
        lab.file(f"www/many/{i}.html", "x" * 10000)
    lab.file("www/many/index.html", "".join(f'<a href="{i}.html">p</a>' for i in range(30)))
    run.sh(f"cd {run.folder()}; wget2 -q -r -l 2 --max-threads=6 http://www.test/many/; wget2 -q -O /dev/null"
           " http://v4a.test/slow/100/1 http://v4b.test/slow/100/1 http://v4c.test/slow/100/1")


@program("make", "build that fetches its parts with curl", light=True, programs=["make", "curl"], packages=["make", "curl"])
def make(lab, run):
    makefile = "all: " + " ".join(f"part{i}" for i in range(8)) + "\n" + "".join(
        f"part{i}:\n\tcurl -fsS -o $@ http://host{i}.test/slow/10000/0.4\n\tcksum $@\n" for i in range(8))
    run.file("Makefile", makefile + "sub:\n\t$(MAKE) all\n")
    run.sh(f"cd {run.folder()}; make -s -j 3 all; rm part*; make -s sub")


@program("tmux", "tmux, curl in its windows", light=True, programs=["tmux", "curl"], packages=["tmux", "curl"])
def tmux(lab, run):
    folder = run.folder()
    script = (f"tmux -S {folder}/s -f /dev/null new-session -d 'curl -fsS -o /dev/null http://a.test/slow/1000/3';"
              f"tmux -S {folder}/s set -g exit-empty off;"
              f"for i in 1 2 3; do tmux -S {folder}/s new-window \"curl -fsS http://host$i.test/slow/1000/0.6; "
              f"curl -fsS http://other$i.test/slow/1000/0.6; touch {folder}/done$i\"; sleep 0.5; done;"
              f"while [ ! -e {folder}/done1 ] || [ ! -e {folder}/done2 ] || [ ! -e {folder}/done3 ]; do sleep 0.1; done;"
              "sleep 2;"
              f"tmux -S {folder}/s kill-server")
    run.sh(script)


@program("unshare", "container-like unshare (pid, mount, uts, ipc)", light=True, programs=["unshare", "curl"],
         packages=["curl"])
def unshare(lab, run):
    run.sh("unshare --fork --pid --mount --uts --ipc --mount-proc sh -c '"
           "for h in a b c d; do curl -fsS -o /dev/null http://$h.test/slow/5000/0.5; done; curl -fsS -o /dev/null"
           " http://e.test/slow/1000/2 & curl -fsS -o /dev/null http://f.test/slow/1000/2; wait'", user=False)


POOL = """
import concurrent.futures, sys, time, urllib.request
def get(i):
    with urllib.request.urlopen(f"http://host{i % 9}.test/slow/20000/0.3", timeout=20) as f:
        return len(f.read())
with concurrent.futures.ThreadPoolExecutor(8) as pool:
    sizes = list(pool.map(get, range(24)))
    time.sleep(1.2)
    sizes += list(pool.map(get, range(16)))
stream = urllib.request.urlopen("http://stream.test/push/4", timeout=20)
with concurrent.futures.ThreadPoolExecutor(4) as pool:
    sizes += list(pool.map(get, range(8)))
    stream.read()
assert sizes == [20000] * 48
"""


@program("python-pool", "Python client with a thread pool", light=True)
def python_pool(lab, run):
    run.wait(run.near([PYTHON, run.file("pool.py", POOL)]))


JAVA = """
import java.net.*; import java.net.http.*; import java.util.*; import java.util.concurrent.*;
public class Pool {
  public static void main(String[] a) throws Exception {
    ExecutorService pool = Executors.newFixedThreadPool(8);
    HttpClient client = HttpClient.newBuilder().executor(pool).followRedirects(HttpClient.Redirect.ALWAYS).build();
    for (int round = 0; round < 2; round++) {
      List<CompletableFuture<HttpResponse<byte[]>>> all = new ArrayList<>();
      for (int i = 0; i < 24; i++)
        all.add(client.sendAsync(HttpRequest.newBuilder(URI.create("http://host" + i % 9 + ".test/slow/20000/0.3")).build(),
                                 HttpResponse.BodyHandlers.ofByteArray()));
      for (var f : all) if (f.get().body().length != 20000) System.exit(1);
      Thread.sleep(1200);
    }
    List<Future<Integer>> old = new ArrayList<>();
    for (int i = 0; i < 12; i++) { final int n = i; old.add(pool.submit(() -> {
      try (var in = new URL("http://old" + n + ".test/bytes/5000").openStream()) { return in.readAllBytes().length; } })); }
    for (var f : old) if (f.get() != 5000) System.exit(1);
    System.exit(0);
  }
}
"""


@program("java-pool", "Java client with a thread pool", programs=["java", "javac"], packages=["openjdk-17-jdk-headless"])
def java_pool(lab, run):
    run.file("Pool.java", JAVA)
    folder = run.folder()
    run.wait(run.near(["javac", "-d", folder, folder / "Pool.java"], root=False))
    run.wait(run.near(["java", "-cp", folder, "Pool"]))


@program("npm", "npm install, a postinstall script downloads", programs=["npm"], packages=["npm"], limit=60)
def npm(lab, run):
    import base64
    import hashlib
    import io
    import json
    import tarfile

    fetch = ("const h=require('http');let n=0;for(const u of ['v4x.test','v4y.test','v4z.test'])"
             "h.get('http://'+u+'/slow/50000/0.7',r=>r.resume().on('end',()=>++n));")

    def publish(name, needs, postinstall):
        manifest = {"name": name, "version": "1.0.0", "dependencies": needs}
        if postinstall:
            manifest["scripts"] = {"postinstall": "node fetch.js && curl -fsS -o tool http://v4tool.test/slow/100000/0.7"}
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w:gz") as tar:
            for path, text in (("package.json", json.dumps(manifest)), ("fetch.js", fetch)):
                info = tarfile.TarInfo(f"package/{path}")
                info.size = len(text)
                tar.addfile(info, io.BytesIO(text.encode()))
        data = packed.getvalue()
        folder = lab.folder(f"www/npm/{name}")
        (folder / "p.tgz").write_bytes(data)
        dist = {"tarball": f"http://v4registry.test/npm/{name}/p.tgz",
                "integrity": "sha512-" + base64.b64encode(hashlib.sha512(data).digest()).decode()}
        (folder / "index.html").write_text(json.dumps({
            "name": name, "dist-tags": {"latest": "1.0.0"}, "versions": {"1.0.0": {**manifest, "dist": dist}}}))
    leaves = [f"leaf{i}" for i in range(12)]
    for leaf in leaves:
        publish(leaf, {}, leaf in leaves[:3])
    publish("trunk", {leaf: "1.0.0" for leaf in leaves}, True)
    run.file("package.json", json.dumps({"name": "app", "version": "1.0.0", "dependencies": {"trunk": "1.0.0"}}))
    process = run.sh(f"cd {run.folder()} && npm install --registry http://v4registry.test/npm/ --no-audit --no-fund"
                     " --foreground-scripts", env={"npm_config_update_notifier": "false"})
    if not (run.folder() / "node_modules/trunk/tool").exists():
        raise CannotRun(f"the postinstall script did not run: {process.log.read_text()[-200:]}")
