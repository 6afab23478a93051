"""The selector grammar: `<blocks> <modules> <assignments>`, such as `0-7,24- attn r=8`.

blocks       `*`, `3`, `0-7`, `24-`, `-4` (last four), `%4`, `lower middle upper`, `first/3`, `last/4`, `@group`;
             several with commas
modules      `all`, `attn`, `mlp`, short or full names; after groups alone they may be left out
assignments  `key=value`, `key*=number`, `key/=number`, `off`
"""

from workbench.plan.compact import compact
from workbench.plan.grammar import parse_rule
from workbench.plan.rule import Rule, format_rule
from workbench.plan.select import Groups, built_in_groups, select
from workbench.plan.selector_error import SelectorError

__all__ = ["Groups", "Rule", "SelectorError", "built_in_groups", "compact", "format_rule", "parse_rule", "select"]
