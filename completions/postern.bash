# Completion for bash: source this, or put it into /usr/share/bash-completion/completions/postern.
command -v postern >/dev/null && eval "$(_POSTERN_COMPLETE=bash_source postern)"
