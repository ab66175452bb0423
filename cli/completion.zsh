#compdef aws-credproc
# zsh completion for aws-credproc. It evaluates nothing that is typed, and runs only the program on
# the PATH: another one may be in the working directory.

_aws-credproc() {
	local program=${commands[aws-credproc]} line
	local -a lines candidates options
	[[ $program == /* ]] || return 1
	lines=("${(@f)$("$program" __complete "${(@Q)words[2,CURRENT-1]}" "${(Q)PREFIX}" 2>/dev/null)}")
	local directive=${lines[-1]#:}
	[[ $directive == <-> ]] || return 1 # (( )) evaluates text
	((directive & 1)) && return 1

	[[ $PREFIX == -*=* ]] && compset -P 1 '*=' # the value of --flag=value comes without the flag
	for line in "${(@)lines[1,-2]}"; do
		candidates+=("${${line//:/\\:}/$'\t'/:}") # as name:description
	done
	((directive & 2)) && options=(-S '')
	if ((${#candidates})); then
		_describe 'aws-credproc' candidates "${options[@]}"
	elif ((!(directive & 4))); then
		_files
	else
		return 1
	fi
}

# It is in a folder of $fpath, or sourced.
if [[ ${funcstack[1]} == _aws-credproc ]]; then
	_aws-credproc "$@"
else
	compdef _aws-credproc aws-credproc
fi
