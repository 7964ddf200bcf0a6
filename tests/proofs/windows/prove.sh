#!/usr/bin/env bash
# Run tests with a Windows Python under Wine: tests/proofs/windows/prove.sh [PYTEST ARGUMENTS]; without any, tests/unit.
# Needs wine (on Debian: apt-get install wine wine64), unzip, and the pip of a Python 3.11. Keeps what it makes in $WINE_PYTHON.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../.." && pwd)
here=${WINE_PYTHON:-${TMPDIR:-/tmp}/wegly-batch-wine}
python=$here/python
# Tests start Python anew, which then needs the place of the package.
PYTHONPATH=Z:$(tr / '\\' <<<"$root")
export PYTHONPATH WINEPREFIX=$here/prefix WINEARCH=win64 WINEDEBUG=-all WINEDLLOVERRIDES="mscoree,mshtml=" PYTHONDONTWRITEBYTECODE=1

download() { pip download -q --platform win_amd64 --python-version 3.11 --only-binary=:all: -d "$here/wheels" "$@"; }

build() {
  mkdir -p "$python/DLLs" "$python/Lib/site-packages" "$here/wheels" "$here/zig"
  # Panda3D's wheel brings the interpreter that its games are packed with; the library is this machine's own.
  pip download -q --no-deps --platform win_amd64 --python-version 3.11 --only-binary=:all: -d "$here" panda3d==1.10.14
  unzip -qo "$here"/panda3d-*.whl 'deploy_libs/*' -d "$here"
  cp "$here"/deploy_libs/{*.pyd,libffi-8.dll,libcrypto-3.dll,libssl-3.dll,sqlite3.dll} "$python/DLLs/"
  cp "$here/deploy_libs/python311.dll" "$python/"
  library=$(python3.11 -c 'import sysconfig; print(sysconfig.get_paths()["stdlib"])')
  tar -C "$library" -c --exclude=./site-packages --exclude=./lib-dynload --exclude=./test --exclude=./lib2to3 --exclude=./idlelib --exclude=__pycache__ . | tar -x -C "$python/Lib"
  # The program that loads it, and a function of Windows that Rust's libraries ask for and Wine 8 lacks.
  pip download -q --no-deps --only-binary=:all: -d "$here" ziglang==0.13.0
  unzip -qo "$here"/ziglang-*.whl -d "$here/zig"
  zig=$here/zig/ziglang/zig
  chmod +x "$zig"
  # Neither uses C's library, which zig would compile for a minute each; so they declare what they call and the names zig asks for.
  cat >"$here/python.c" <<'C'
typedef unsigned short text;
text *GetCommandLineW(void), **CommandLineToArgvW(text *, int *);
void *LoadLibraryW(const text *), *GetProcAddress(void *, const char *), ExitProcess(unsigned);
unsigned _tls_index;
void wWinMainCRTStartup(void) {
  int count = 0;
  text **arguments = CommandLineToArgvW(GetCommandLineW(), &count);
  void *library = LoadLibraryW(u"python311.dll");
  ExitProcess(library ? ((int (*)(int, text **))GetProcAddress(library, "Py_Main"))(count, arguments) : 99);
}
C
  cat >"$here/prng.c" <<'C'
unsigned char SystemFunction036(void *, unsigned);
unsigned _tls_index;
__declspec(dllexport) int ProcessPrng(void *data, unsigned long long size) { return SystemFunction036(data, size); }
int _DllMainCRTStartup(void *library, unsigned reason, void *reserved) { return 1; }
C
  export ZIG_GLOBAL_CACHE_DIR=$here/zig-cache
  compile() { "$zig" cc -target x86_64-windows-gnu -nostdlib -O1 "$@"; }
  compile -Wl,--subsystem,console -o "$python/python.exe" "$here/python.c" -lkernel32 -lshell32
  compile -shared -o "$python/bcryptprimitives.dll" "$here/prng.c" -ladvapi32
  wineboot -i >/dev/null 2>&1
  wine winecfg -v win10 >/dev/null 2>&1
  touch "$here/whole"
}

# What the project's own files ask for, without what the interpreter brings or Wine lacks.
list_needed() {
  python3.11 -c 'import sys, tomllib
project = tomllib.load(open(sys.argv[1], "rb"))["project"]
ours = {*project["dependencies"], *project["optional-dependencies"]["test"]}
print(*sorted(each for each in ours if "!= \x27Windows" not in each and "playwright" not in each), sep="\n")' "$root/pyproject.toml"
}

install_packages() {
  rm -rf "$python/Lib/site-packages" "$here/wheels" "$here/needed.txt"
  mkdir -p "$python/Lib/site-packages" "$here/wheels"
  # Newer NumPy asks Wine 8's C library for functions that it lacks.
  download -r <(sed 's/;.*//' "$here/needing.txt") 'numpy==1.26.4' 'pandas==2.2.3' colorama pywin32-ctypes
  for wheel in "$here"/wheels/*.whl; do unzip -qo "$wheel" -d "$python/Lib/site-packages"; done
  # Compiled once: the tests start Python some hundred times, and keep no bytecode beside the project's files.
  python3.11 -m compileall -q -j 0 --invalidation-mode unchecked-hash "$python/Lib" >/dev/null || true
  mv "$here/needing.txt" "$here/needed.txt"
}

[[ -e $here/whole ]] || build
list_needed >"$here/needing.txt"
cmp -s "$here/needing.txt" "$here/needed.txt" || install_packages
cd "$root"
(($#)) || set -- tests/unit
# A folder for this run alone: pytest's clearing of older runs' folders ended some runs with an unclosed directory, though all passed.
own=tests-$$
trap 'rm -rf "$WINEPREFIX/drive_c/$own"' EXIT
# Wine's Python needs a standard input that is a pipe, and standard output likewise.
: | wine "$python/python.exe" -m pytest -q -p no:cacheprovider --basetemp "C:\\$own" --timeout 120 --tb=short -rfs "$@" 2>&1 | cat
