#compdef postern
# Completion for zsh: source this after compinit, or put it into a folder of $fpath as _postern.
(( $+commands[postern] )) && eval "$(_POSTERN_COMPLETE=zsh_source postern)"
[[ $zsh_eval_context[-1] == loadautofunc ]] && _postern_completion "$@"
