# Parses a PowerShell script from stdin. Prints the commands and the methods that it calls, one a
# line, or exits with an error if the syntax is not valid.
import sys

import tree_sitter
import tree_sitter_powershell

language = tree_sitter.Language(tree_sitter_powershell.language())
tree = tree_sitter.Parser(language).parse(sys.stdin.buffer.read())
found = set()


def visit(node):
    if node.type == "ERROR" or node.is_missing:
        sys.exit(f"line {node.start_point[0] + 1}: {node.text.decode()!r} is not valid")
    if node.type == "command":
        name = node.child_by_field_name("command_name")
        found.add("command " + (name or node).text.decode())
    if node.type == "command_invokation_operator":
        found.add("operator " + node.text.decode())
    if node.type == "invokation_expression":
        member = next(c for c in node.named_children if c.type == "member_name")
        found.add("method " + member.text.decode())
    for child in node.children:
        visit(child)


visit(tree.root_node)
print("\n".join(sorted(found)))
