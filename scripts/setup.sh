#!/bin/sh
# Make .venv with everything twoalike needs. Safe to repeat: a second run with nothing changed
# ends in well under a second. Needs git, make and any python3; see README for Windows.
set -eu
cd "$(dirname "$0")/.."

stamp=.venv/.twoalike-setup
wanted=$(cat pyproject.toml constraints.txt scripts/setup.sh | cksum)

say() { printf 'setup: %s\n' "$*" >&2; }

# --- 1. Linux without a screen: a virtual one, and the libraries a window needs. -------------
# libjack: without it psychtoolbox does not import and keyboard times silently get worse.
system_packages() {
    asound=libasound2t64
    apt-cache show "$asound" >/dev/null 2>&1 || asound=libasound2 # Debian 12, Ubuntu 22.04
    echo xvfb xauth libgl1 libglx-mesa0 libgl1-mesa-dri libglu1-mesa libegl1 libx11-6 libxext6 \
        libxi6 libxinerama1 libxrandr2 libxxf86vm1 libxcursor1 libfontconfig1 fonts-dejavu-core \
        libjack-jackd2-0 fonts-droid-fallback "$asound"
}
missing_packages() {
    for package in $(system_packages); do
        dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q '^install ok installed$' ||
            printf '%s ' "$package"
    done
}
if [ "$(uname -s)" = Linux ] && [ -z "${DISPLAY:-}${WAYLAND_DISPLAY:-}" ]; then
    if command -v dpkg-query >/dev/null 2>&1; then
        missing=$(missing_packages)
        if [ -n "$missing" ]; then
            # Package lists of a new machine may be empty: refresh them before looking again.
            if [ "$(id -u)" = 0 ]; then
                say "installing system packages: $missing"
                apt-get update -qq
                DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
                    $(missing_packages) >/dev/null
            else
                say "there is no screen, and these packages for a virtual one are missing. Run:"
                say "  sudo apt-get update && sudo apt-get install -y --no-install-recommends $missing"
                say "and then this command again."
                exit 1
            fi
        fi
    elif ! command -v Xvfb >/dev/null 2>&1; then
        say "there is no screen (DISPLAY is not set) and no Xvfb. Install your system's package"
        say "for Xvfb (xorg-x11-server-Xvfb, xorg-server-xvfb, ...), then run this command again."
        exit 1
    fi
fi

if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$wanted" ]; then
    exit 0
fi

# --- 2. uv: the one on the path, or one of the project's own in .tools. ----------------------
uv=$(command -v uv || true)
if [ -z "$uv" ]; then
    uv=.tools/uv/bin/uv
    if [ ! -x "$uv" ]; then
        say "installing uv into .tools"
        rm -rf .tools/uv
        if ! { python3 -m venv .tools/uv && .tools/uv/bin/python -m pip install -q uv; } \
            >/dev/null 2>&1; then
            rm -rf .tools/uv
            say "cannot install uv: python3 has no working venv or pip here. Install uv yourself"
            say "(https://docs.astral.sh/uv/), or on Debian run: sudo apt-get install python3-venv"
            exit 1
        fi
    fi
fi

# --- 3. Python 3.12: one that is here, pyenv's, or one that uv fetches. ----------------------
python=$("$uv" python find --no-python-downloads '>=3.12,<3.13' 2>/dev/null || true)
if [ -z "$python" ]; then
    for candidate in "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.12*/bin/python3.12; do
        [ -x "$candidate" ] && python=$candidate
    done
fi
if [ ! -x .venv/bin/python ] || ! .venv/bin/python -c \
    'import sys; sys.exit(sys.version_info[:2] != (3, 12))' 2>/dev/null; then
    "$uv" venv -q --clear --python "${python:-3.12}" .venv
fi

# --- 4. twoalike with all extras, at the versions it was tested with. ------------------------
say "installing Python packages into .venv (about 3 GB to download the first time)"
"$uv" pip install -q --python .venv/bin/python --constraints constraints.txt \
    --editable '.[all]' --group dev
printf '%s' "$wanted" >"$stamp"
say "done"
