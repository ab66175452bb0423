# bash completion for aws-credproc. It needs no other package, evaluates nothing that is typed, and
# runs only the program on the PATH: another one may be in the working directory.

_aws_credproc() {
	local program line=${COMP_LINE:0:COMP_POINT} words out directive breaks candidate current flag= cut=
	read -ra words <<<"$line"
	[[ $line == *[[:blank:]] ]] && words+=("")
	current=${words[${#words[@]} - 1]}
	COMPREPLY=()
	program=$(type -P aws-credproc)
	[[ $program == /* ]] || return
	out=$("$program" __completeNoDesc "${words[@]:1}" 2>/dev/null) || return
	directive=${out##*:}
	[[ $directive =~ ^[0-9]+$ ]] || return # (( )) evaluates text
	((directive & 1)) && return

	# The value of --flag=value comes without the flag.
	[[ $current == -*=* ]] && flag=${current%%=*}=
	# Readline replaces only what stands behind the last of these, and an @ too, with which host names start.
	breaks=${COMP_WORDBREAKS//[^=:@]/}
	[[ -n $breaks ]] && cut=${current%"${current##*[$breaks]}"}
	cut=${cut%@}
	while IFS= read -r candidate; do
		[[ -n $candidate && $flag$candidate == "$current"* ]] || continue
		candidate=$flag$candidate
		printf -v candidate %q "${candidate#"$cut"}" # it must not be evaluated when it is run
		COMPREPLY+=("$candidate")
	done <<<"${out%:*}"

	type compopt >/dev/null 2>&1 || return 0 # the bash of macOS
	((directive & 2)) && compopt -o nospace
	((directive & 4)) || compopt -o default
	return 0
}

complete -F _aws_credproc aws-credproc
