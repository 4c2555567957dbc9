# SPDX-License-Identifier: GPL-3.0-or-later
"""Programs of a person at a desktop: browsers, a mailer, a player."""

import shutil
import subprocess

from table1.lab import HERE, PYTHON, USER, tail, wait_for
from table1.row import CannotRun, program

# Pictures and frames from many hosts; a stream of messages, each of which makes the page fetch from another host.
PAGE = """<!doctype html><title>t</title>
{pictures}{frames}
<script>
let n = 0;
const more = () => {{ fetch('http://v4api' + (n++ % 9) + '.test/files.txt', {{mode: 'no-cors'}}).catch(() => 0); }};
const stream = new EventSource('http://v4stream.test/push/14');
stream.onmessage = more;
setInterval(more, 2300);
const w = new Worker(URL.createObjectURL(new Blob(["setInterval(() => fetch('http://v4work' + Date.now() % 7 + "
    + "'.test/bytes/100', {{mode: 'no-cors'}}).catch(() => 0), 1700)"])));
setTimeout(() => {{ location = 'http://v4last.test/browse/last.html'; }}, 16000);
setTimeout(() => window.open('http://v4popup.test/browse/last.html'), 4000);
</script>"""


def pages(lab):
    lab.file("www/files.txt", "x")
    lab.file("www/browse/last.html", "<img src='http://v4end1.test/bytes/9'><img src='http://v4end2.test/bytes/9'>last")
    lab.file("www/browse/frame.html", "<img src='http://v4f1.test/bytes/900'><script>setInterval(() => fetch('/bytes/5'), 1500)"
             "</script>frame")
    pictures = "".join(f"<img src='http://v4pic{i}.test/bytes/{5000 + i}'>" for i in range(12))
    frames = "".join(f"<iframe src='http://v4frame{i}.test/browse/frame.html'></iframe>" for i in range(3))
    lab.file("www/browse/index.html", PAGE.format(pictures=pictures, frames=frames))
    return "http://v4www.test/browse/index.html"


@program("firefox", "Firefox, a page with frames, workers, a stream", programs=["firefox-esr"], packages=["firefox-esr"])
def firefox(lab, run):
    url = pages(lab)
    run.file("profile/user.js", "".join(f"user_pref({k}, {v});\n" for k, v in {
        '"browser.shell.checkDefaultBrowser"': "false", '"datareporting.policy.dataSubmissionEnabled"': "false",
        '"dom.disable_open_during_load"': "false", '"browser.aboutwelcome.enabled"': "false",
        '"dom.security.https_first"': "false"}.items()))
    browser = run.near(["firefox-esr", "--headless", "--no-remote", "--profile", run.folder() / "profile", url])
    run.settle(30)
    if browser.poll() is not None:
        raise CannotRun(f"the browser ended: {tail(browser.log)}")
    lab.stop(browser)


@program("chromium", "Chromium, the same page", programs=["chromium"], packages=["chromium"])
def chromium(lab, run):
    url = pages(lab)
    browser = run.near(["chromium", "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
                        "--disable-background-networking", "--disable-component-update", "--disable-sync",
                        "--disable-popup-blocking", "--disable-dev-shm-usage", f"--user-data-dir={run.folder()}/profile", url])
    run.settle(28)
    if browser.poll() is not None:
        raise CannotRun(f"the browser ended: {tail(browser.log)}")
    lab.stop(browser)


MAIL_PREFS = {
    "mail.rights.version": 1, "mailnews.start_page.enabled": False, "mail.shell.checkDefaultClient": False,
    "mail.spotlight.firstRunDone": True, "mail.winsearch.firstRunDone": True, "mail.provider.suppress_dialog_on_startup": True,
    "app.donation.eoy.version.viewed": 999, "datareporting.policy.dataSubmissionEnabled": False,
    "mail.biff.show_alert": False, "mail.server.default.check_all_folders_for_new": True, "mail.accounthub.enabled": False,
}
ACCOUNTS = 3


def mail_profile(accounts):
    prefs = dict(MAIL_PREFS)
    names = []
    for i in range(1, accounts + 1):
        server, identity = f"mail.server.server{i}", f"mail.identity.id{i}"
        prefs |= {f"{server}.type": "imap", f"{server}.hostname": f"v4mail{i}.test", f"{server}.userName": USER,
                  f"{server}.port": 143, f"{server}.socketType": 0, f"{server}.authMethod": 7,
                  f"{server}.name": f"mail {i}", f"{server}.login_at_startup": True, f"{server}.check_new_mail": True,
                  f"{server}.check_time": 1, f"{server}.use_idle": True, f"{server}.offline_download": True,
                  f"{identity}.useremail": f"{USER}@v4mail{i}.test", f"{identity}.fullName": "Alice", f"{identity}.valid": True,
                  f"mail.account.account{i}.server": f"server{i}", f"mail.account.account{i}.identities": f"id{i}"}
        names.append(f"account{i}")
    prefs |= {"mail.accountmanager.accounts": ",".join(names), "mail.accountmanager.defaultaccount": "account1"}

    def text(v):
        return str(v).lower() if isinstance(v, bool) else str(v) if isinstance(v, int) else f'"{v}"'
    return "".join(f'user_pref("{k}", {text(v)});\n' for k, v in prefs.items())


@program("thunderbird", "Thunderbird, three IMAP accounts, mail arriving", programs=["thunderbird"],
         packages=["thunderbird"])
def thunderbird(lab, run):
    server = run.far([PYTHON, HERE / "far_imap.py"])
    lab.wait_port("outside", 143)
    run.file("profile/user.js", mail_profile(ACCOUNTS))
    # Without a window it does not always ask all accounts at once; once it knows their folders, it does.
    for attempt in (1, 2, 3):
        mailer = run.near(["thunderbird", "--headless", "--no-remote", "--profile", run.folder() / "profile"])
        try:
            wait_for(lambda n=attempt: server.log.read_text().count("login") >= 3 * n, 14, "the mailer does not log in", mailer)
            break
        except CannotRun:
            lab.stop(mailer)
            if attempt == 3:
                raise
    run.settle(15)
    if mailer.poll() is not None:
        raise CannotRun(f"the mailer ended: {tail(mailer.log)}")
    lab.stop(mailer)


@program("mpv", "mpv playing internet radio and a segmented stream", programs=["mpv", "ffmpeg"], packages=["mpv", "ffmpeg"])
def mpv(lab, run):
    media = lab.folder("www/media")
    quiet = ["ffmpeg", "-nostdin", "-loglevel", "error", "-y"]
    subprocess.run([*quiet, "-f", "lavfi", "-i", "sine=440:d=12", "-b:a", "128k", media / "radio.mp3"], check=True, timeout=30)
    subprocess.run([*quiet, "-f", "lavfi", "-i", "testsrc=d=12:s=320x180:r=10", "-f", "lavfi", "-i", "sine=300:d=12", "-shortest",
                    "-g", "20", "-c:v", "mpeg2video", "-c:a", "mp2", "-f", "hls", "-hls_time", "2", "-hls_list_size", "0",
                    "-hls_segment_filename", media / "s%d.ts", media / "list.m3u8"], check=True, timeout=30)
    # The segments from different hosts, as content networks do.
    lines = (media / "list.m3u8").read_text().splitlines()
    (media / "list.m3u8").write_text("\n".join(
        f"http://v4cdn{i % 4}.test/media/{line}" if line.endswith(".ts") else line for i, line in enumerate(lines)) + "\n")
    run.sh("mpv --no-config --ao=null --vo=null --no-terminal http://v4radio.test/radio/11/media/radio.mp3 &"
           "mpv --no-config --ao=null --vo=null --really-quiet http://v4tv.test/media/list.m3u8;"
           "timeout 5 mpv --no-config --ao=null --vo=null --really-quiet http://other.test/radio/11/media/radio.mp3; wait")
    shutil.rmtree(media, ignore_errors=True)
