#!/usr/bin/python3
"""The house rules that a compiler does not know: layers, banned functions, headers that compile alone, length of
functions, form. Prints `ok NAME` or `not ok NAME` with the places, one a rule; exit 1 when one is broken.

    tests/lint/check.py [BUILD_DIR]      BUILD_DIR (build/dev): where compile_commands.json and generated headers are"""
import concurrent.futures
import json
import os
import re
import shlex
import shutil
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.join(ROOT, sys.argv[1] if len(sys.argv) > 1 else "build/dev")
FUNCTION_MAX = 100

# Who may include what (ARCHITECTURE.md). A folder stands for all below it; a file of one's own folder is always allowed.
VALUES = ["domain", "event", "runtime/err", "runtime/flow"]
RULES = {
    "libticket/domain": [],
    "libticket/event": VALUES,
    "libticket/port": VALUES,
    "libticket/runtime": [],
    "api/app": ["domain", "event", "port", "runtime", "app"],
    "api/jobs": ["domain", "event", "port", "runtime", "app", "jobs"],
    "api/http": ["domain", "event", "port", "runtime", "app", "jobs"],
    "api/web": ["runtime", "http"],
    "consumer/app": ["domain", "event", "port", "runtime", "app"],
}
# Refinements of the rule, each with its reason.
ALSO = [
    ("libticket/event", "runtime/uuid", "an id is a value: no I/O, no clock"),
    ("libticket/port", "runtime/uuid", "an id is a value: no I/O, no clock"),
    ("libticket/domain", "runtime/mem", "the one way to allocate: out of memory ends the process"),
    ("api/http", "adapter/json", "codecs turn bytes into structs and back; they reach no server"),
]
# Only these see adapters.
WIRING = re.compile(r"^(api/(main|shard)\.[ch]|consumer/(main|poll_loop)\.[ch]|libticket/adapter/.*)$")

BANNED = {
    "gets": "no bound", "sprintf": "no bound: snprintf", "vsprintf": "no bound: vsnprintf", "strcat": "no bound",
    "strncpy": "does not terminate", "strncat": "its bound is not what it seems", "strtok": "hidden state",
    "atoi": "can't tell an error", "atol": "can't tell an error", "atoll": "can't tell an error", "atof": "can't tell an error",
    "system": "a shell", "popen": "a shell", "alloca": "no bound", "rand": "guessable", "srand": "guessable",
    "random": "guessable", "tmpnam": "a race", "mktemp": "a race", "gmtime": "shared buffer: gmtime_r",
    "localtime": "shared buffer and the machine's zone", "ctime": "shared buffer", "asctime": "shared buffer",
    "usleep": "blocks a loop", "sleep": "blocks a loop", "setjmp": "skips cleanups", "longjmp": "skips cleanups",
}
# strcpy of a literal into an array is checked by the compiler; of anything else it has no bound.
STRCPY = re.compile(r"\bstrcpy\([^;]*,\s*(?![\s\"])")


def sources(*patterns):
    out = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", *patterns], cwd=ROOT, capture_output=True, text=True,
                         check=True).stdout.split("\n")
    return [f for f in out if f and os.path.exists(os.path.join(ROOT, f))]


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as f:
        return f.read()


def code_only(text):
    """The same lines without comments and the insides of strings."""
    def blank(m):
        s = m.group(0)
        return re.sub(r"[^\n]", " ", s) if s.startswith("/") else '"' + " " * (len(s) - 2) + '"'
    return re.sub(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"', blank, text, flags=re.S)


def layer_of(path):
    return max((p for p in RULES if path.startswith(p + "/")), key=len, default=None)


def check_layers():
    for path in sources("api/*.[ch]", "consumer/*.[ch]", "libticket/*.[ch]"):
        layer = layer_of(path)
        for n, line in enumerate(read(path).split("\n"), 1):
            m = re.match(r'\s*#\s*include\s*"([^"]+)"', line)
            if not m:
                continue
            name = re.sub(r"^(api|consumer|libticket)/", "", os.path.normpath(m[1]))
            if name.startswith(("adapter/", "pg_statements", "redis_scripts")) and not WIRING.match(path) \
                    and not any(layer == a and name.startswith(b + "/") for a, b, _ in ALSO):
                yield f"{path}:{n}: {name}: only main and shard see adapters"
            elif layer:
                own = layer.split("/")[-1]
                allowed = [own, *RULES[layer], *(b for a, b, _ in ALSO if a == layer)]
                if "/" in name and not any(name.startswith(a + "/") or re.sub(r"\.h$", "", name) == a for a in allowed):
                    yield f"{path}:{n}: {layer} may not include {name}"
            elif path.startswith("libticket/adapter/") and name.startswith(("app/", "http/", "jobs/")):
                yield f"{path}:{n}: an adapter may not include {name}"


def check_banned():
    word = re.compile(r"(?<![\w.>])(%s)\s*\(" % "|".join(BANNED))
    for path in sources("api/*.[ch]", "consumer/*.[ch]", "libticket/*.[ch]"):
        for n, line in enumerate(code_only(read(path)).split("\n"), 1):
            for m in word.finditer(line):
                yield f"{path}:{n}: {m[1]}: {BANNED[m[1]]}"
            if STRCPY.search(line):
                yield f"{path}:{n}: strcpy: no bound"


def flags():
    """What the compiler is told of any file, together."""
    with open(f"{BUILD}/compile_commands.json") as f:
        commands = json.load(f)
    keep = {}
    for command in commands:
        args = shlex.split(command["command"])
        for i, a in enumerate(args):
            if re.match(r"-(I|D|std|W)", a):
                keep[a] = [a]
            elif a == "-isystem":
                keep[a + args[i + 1]] = [a, args[i + 1]]
    return [a for pair in keep.values() for a in pair] + [f"-I{ROOT}", f"-I{ROOT}/consumer", f"-I{ROOT}/tests", f"-I{ROOT}/bench"]


def check_headers():
    """Each header compiles alone. Tables (X-macros, included several times) have no guard and are left out."""
    if not os.path.exists(f"{BUILD}/compile_commands.json"):
        yield f"{BUILD}: not built"
        return
    headers = [h for h in sources("*.h") if re.search(r"#ifndef|#pragma once", read(h)) and not h.startswith("deploy/")]
    common = flags()

    def one(h):
        p = subprocess.run(["cc", *common, "-Wno-unused", "-fsyntax-only", "-x", "c", "-"], input=f'#include "{ROOT}/{h}"\n',
                           capture_output=True, text=True)
        return h, p.returncode, p.stderr
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for h, rc, err in pool.map(one, headers):
            if rc:
                first = next((line for line in err.split("\n") if "error:" in line), err)
                yield f"{h}: does not compile alone: {first}"


def functions(path):
    """(name, first line, length) of each function: from a line that begins with its name or type to the next "}" at the edge."""
    lines, start = code_only(read(path)).split("\n"), None
    for n, line in enumerate(lines, 1):
        if line.startswith("{") or (line.rstrip().endswith("{") and re.match(r"^\w.*\)\s*\{$", line.rstrip())):
            head, k = line, n
            while "(" not in head and k > 1:
                k -= 1
                head = lines[k - 1] + " " + head
            m = re.search(r"(\w+)\s*\(", head)
            start = (m[1] if m else "?", k)
        elif line.startswith("}") and start:
            yield start[0], start[1], n - start[1] + 1
            start = None


def check_lengths():
    found = [(length, name, path, n) for path in sources("api/*.c", "consumer/*.c", "libticket/*.c")
             for name, n, length in functions(path)]
    found.sort(reverse=True)
    lengths = [f[0] for f in found] or [0]
    print(f"# {len(found)} functions, median {lengths[len(lengths) // 2]} lines, 90 % under {lengths[len(lengths) // 10] + 1}; the longest:")
    for length, name, path, n in found[:5]:
        print(f"#   {length:4} {path}:{n} {name}")
    for length, name, path, n in found:
        if length > FUNCTION_MAX:
            yield f"{path}:{n}: {name} has {length} lines (at most {FUNCTION_MAX})"


def check_form():
    tool = shutil.which("clang-format")
    if not tool:
        print("# clang-format is not there: form is not checked")
        return
    files = sources("api/*.[ch]", "consumer/*.[ch]", "libticket/*.[ch]", "tests/*.[ch]", "bench/*.[ch]")
    files = [f for f in files if not re.search(r"_rows\.h$|log_events\.h$", f)]
    p = subprocess.run([tool, "--dry-run", *files], cwd=ROOT, capture_output=True, text=True)
    seen = {}
    for line in p.stderr.split("\n"):
        m = re.match(r"(\S+?):(\d+):", line)
        if m:
            seen.setdefault(m[1], m[2])
    for path, n in seen.items():
        yield f"{path}:{n}: clang-format would write it otherwise"


def check_scripts():
    """Shell and Python parse."""
    for path in sources("script/*", ".ci/*", "deploy/*"):
        first = read(path)[:40] if not path.endswith((".jar", ".png")) else ""
        if first.startswith("#!") and "bash" in first or path.endswith(".sh"):
            p = subprocess.run(["bash", "-n", path], cwd=ROOT, capture_output=True, text=True)
            if p.returncode:
                yield p.stderr.strip()
    for path in sources("*.py"):
        try:
            compile(read(path), path, "exec")
        except SyntaxError as e:
            yield f"{path}:{e.lineno}: {e.msg}"


def main():
    broken = 0
    for name, check in [("layers", check_layers), ("banned functions", check_banned), ("headers compile alone", check_headers),
                        ("length of functions", check_lengths), ("form", check_form), ("scripts parse", check_scripts)]:
        places = list(check())
        broken += bool(places)
        print(f"{'not ok' if places else 'ok'} {name}")
        for p in places[:40]:
            print(f"    {p}")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
