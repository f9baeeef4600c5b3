"""Print a script that completes ``molflow`` in a shell: ``eval "$(molflow completion bash)"``.

The script holds commands, keys and values as they are in the schema, so that completing starts no
Python. After a change of the schema it is printed anew.
"""

from __future__ import annotations

from collections.abc import Mapping
from shlex import quote

from molflow.commands import COMMANDS
from molflow.config import PROGRAMS, wants_help
from molflow.config.key import Key, keys
from molflow.config.recipes import FILE, groups
from molflow.console import run_program
from molflow.datasets.names import REFERENCES
from molflow.errors import InputError
from molflow.model.place import PRETRAINED

FILES = "@"
"""This word stands for the files and folders that are there."""
SHELLS = ("bash", "zsh")
BASH = r"""
_molflow() {
    local cur=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} program=${COMP_WORDS[1]}
    local name="" prefix="" words word IFS=$' \t\n'
    if [[ $cur == "=" ]]; then
        name=$before cur=""
    elif [[ $before == "=" ]]; then
        name=${COMP_WORDS[COMP_CWORD-2]}
    elif [[ $cur == *=* ]]; then
        name=${cur%%=*} cur=${cur#*=} prefix=$name=
    fi
    COMPREPLY=()
    if [[ -n $name ]]; then
        words=$(_molflow_values "$program:$name")
        if [[ " $words " == *" @ "* ]]; then
            compopt -o filenames 2>/dev/null
            while IFS= read -r word; do COMPREPLY+=("$word"); done < <(compgen -f -- "$cur")
        fi
        COMPREPLY+=($(compgen -W "${words//@/}" -- "$cur"))
        COMPREPLY=("${COMPREPLY[@]/#/$prefix}")
    elif [[ $COMP_CWORD == 1 ]]; then
        COMPREPLY=($(compgen -W "$(_molflow_keys "")" -- "$cur"))
    else
        COMPREPLY=($(compgen -W "$(_molflow_keys "$program")" -- "$cur"))
        [[ ${COMPREPLY[0]-} == *= ]] && compopt -o nospace 2>/dev/null
    fi
}
complete -F _molflow molflow
"""
ZSH = r"""
_molflow() {
    local -a words_of
    if [[ $CURRENT == 2 ]]; then
        words_of=(${=$(_molflow_keys "")})
        compadd -- $words_of
    elif [[ ${words[CURRENT]} == *=* ]]; then
        words_of=(${=$(_molflow_values "${words[2]}:${words[CURRENT]%%=*}")})
        compset -P 1 '*='
        (( ${words_of[(I)@]} )) && _files
        compadd -- ${words_of:#@}
    else
        words_of=(${=$(_molflow_keys "${words[2]}")})
        compadd -S '' -- ${(M)words_of:#*=}
        compadd -- ${words_of:#*=}
    fi
}
compdef _molflow molflow
"""


def main(arguments: list[str]) -> None:
    """Print the script for the shell that is named. InputError names the shells."""
    if wants_help(arguments):
        print(f"molflow completion {'|'.join(SHELLS)}\n\n{__doc__}")
        return
    if len(arguments) != 1 or arguments[0] not in SHELLS:
        given = " ".join(arguments)
        raise InputError(f"completion {given!r}: the shell is needed, one of {', '.join(SHELLS)}")
    print(script(arguments[0]))


def script(shell: str) -> str:
    """Write the script of one of SHELLS: functions that hold the words, and one that asks them."""
    words = {"": [*COMMANDS, "--help", "--version"], "completion": list(SHELLS)}
    values: dict[str, list[str]] = {}
    for program in PROGRAMS:
        found = values_of(program)
        words[program] = [*(f"{name}=" for name in found), "--help"]
        values |= {f"{program}:{name}": of for name, of in found.items() if of}
    return "\n".join(
        [
            *_cases("_molflow_keys", words),
            *_cases("_molflow_values", values),
            {"bash": BASH, "zsh": ZSH}[shell],
        ]
    )


def values_of(program: str) -> dict[str, list[str]]:
    """Give every recipe and key of a program with the words that complete its value."""
    recipes = {name: files for name, (_, files) in groups(program).items()}
    known = {FILE.name: FILE, **keys(PROGRAMS[program])}
    return recipes | {name: _words(entry) for name, entry in known.items()}


def _words(entry: Key) -> list[str]:
    if entry.choices:
        return list(entry.choices)
    if entry.kind is bool:
        return ["true", "false"]
    names = []
    if entry.name == "checkpoint":
        names = sorted(path.name for path in PRETRAINED.iterdir())
    elif entry.name == "reference":
        names = list(REFERENCES)
    return [*names, FILES] if entry.path else names


def _cases(function: str, words: Mapping[str, list[str]]) -> list[str]:
    """Write a shell function that gives the words of its argument."""
    lines = [f"  {quote(name)}) echo {quote(' '.join(of))};;" for name, of in words.items()]
    return [f"{function}() {{ case $1 in", *lines, "esac; }"]


if __name__ == "__main__":
    run_program(main)
