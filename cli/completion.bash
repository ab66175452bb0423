# bash completion for aws-credproc. It needs no other package, and evaluates nothing that is typed.

_aws_credproc() {
	local line=${COMP_LINE:0:COMP_POINT} words out directive breaks candidate current flag= cut=
	read -ra words <<<"$line"
	[[ $line == *[[:blank:]] ]] && words+=("")
	current=${words[${#words[@]} - 1]}
	COMPREPLY=()
	out=$("${words[0]/#\~\//$HOME/}" __completeNoDesc "${words[@]:1}" 2>/dev/null) || return
	directive=${out##*:}
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
		COMPREPLY+=("${candidate#"$cut"}")
	done <<<"${out%:*}"

	type compopt >/dev/null 2>&1 || return 0 # the bash of macOS
	((directive & 2)) && compopt -o nospace
	((directive & 4)) || compopt -o default
	return 0
}

complete -F _aws_credproc aws-credproc
