import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Expr, Parsed } from './ast.ts';
import { formatErrors } from './errors.ts';
import { bindMacros } from './macros.ts';
import { kubernetesMacros, parse } from './parse.ts';

const macros = [...kubernetesMacros, ...bindMacros];

/** A tree on one line, each node with its offset in front. */
function treeText({ expr: root, positions }: Parsed): string {
  const place = (id: number): string => `@${positions.get(id) ?? '-'}`;
  const bytes = (value: Uint8Array): string => Buffer.from(value).toString('hex');
  const textOf = (expr: Expr): string => {
    const at = place(expr.id);
    switch (expr.is) {
      case 'constant': {
        const { constant } = expr;
        if (constant.type === 'null') return `${at}null`;
        if (constant.type === 'string') return `${at}string:${JSON.stringify(constant.value)}`;
        return `${at}${constant.type}:${constant.type === 'bytes' ? bytes(constant.value) : constant.value}`;
      }
      case 'ident':
        return at + expr.name;
      case 'select':
        return `(${at}select ${textOf(expr.operand)} ${expr.field} ${expr.test})`;
      case 'call': {
        const target = expr.target === undefined ? [] : [`[${textOf(expr.target)}]`];
        return `(${[at + expr.name, ...target, ...expr.args.map(textOf)].join(' ')})`;
      }
      case 'list':
        return `(${[`${at}list`, ...expr.elements.map(textOf)].join(' ')} [${expr.optional.join(' ')}])`;
      case 'map':
        return `(${[`${at}map`, ...expr.entries.map(({ id, key, value, optional }) => `${place(id)}${textOf(key)}:${textOf(value)}:${optional}`)].join(' ')})`;
      case 'struct':
        return `(${[`${at}struct ${expr.name}`, ...expr.fields.map(({ id, name, value, optional }) => `${place(id)}${name}:${textOf(value)}:${optional}`)].join(' ')})`;
      case 'comprehension': {
        const names = [expr.variable, expr.secondVariable ?? '', expr.accumulator].join();
        const parts = [expr.initial, expr.condition, expr.step, expr.result].map(textOf);
        return `(${at}fold ${textOf(expr.range)} ${[names, ...parts].join(' ')})`;
      }
      default:
        expr satisfies never;
        return '';
    }
  };
  return textOf(root);
}

/** What upstream makes of correct texts. */
const trees: readonly (readonly [source: string, tree: string])[] = [
  ['1 + 2 * -3', '(@2_+_ @0int:1 (@6_*_ @4int:2 @8int:-3))'],
  ['a - b - c', '(@6_-_ (@2_-_ @0a @4b) @8c)'],
  ['- a', '(@0-_ @2a)'],
  ['--a', '@2a'],
  ['---1', '(@0-_ @3int:1)'],
  ['!!!a', '(@0!_ @3a)'],
  ['a ? b : c ? d : e', '(@2_?_:_ @0a @4b (@10_?_:_ @8c @12d @16e))'],
  ['a && b && c && d || e', '(@17_||_ (@7_&&_ (@2_&&_ @0a @5b) (@12_&&_ @10c @15d)) @20e)'],
  ['a < b == c', '(@6_==_ (@2_<_ @0a @4b) @9c)'],
  ['a in [1]', '(@2@in @0a (@5list @6int:1 []))'],
  ['.a.b', '(@2select @1.a b false)'],
  ['a.b.c{d: 1, ?e: f,}', '(@5struct a.b.c @7d:@9int:1:false @14e:@16f:true)'],
  ['.T{`x-y`: 1}', '(@2struct .T @8x-y:@10int:1:false)'],
  ['a.`b/c`', '(@1select @0a b/c false)'],
  ['a.?b', '(@1_?._ @0a @3string:"b")'],
  ['a[?0]', '(@1_[?_] @0a @3int:0)'],
  ['{?a: 1, "b": 2u}', '(@0map @3@2a:@5int:1:true @11@8string:"b":@13uint:2:false)'],
  ['[?a, 1.5, .5e3, -1e-2,]', '(@0list @2a @5double:1.5 @10double:500 @16double:-0.01 [0])'],
  ['f()', '(@1f)'],
  ['a.f(1, b)', '(@3f [@0a] @4int:1 @7b)'],
  ['.f(x)', '(@2.f @3x)'],
  ['0x1fu + 0xFF', '(@6_+_ @0uint:31 @8int:255)'],
  ['18446744073709551615u', '@0uint:18446744073709551615'],
  ['-9223372036854775808', '@0int:-9223372036854775808'],
  ["'\\x41\\u00e9\\U0001F600\\101\\`\\?\\n' + r'\\d'", '(@33_+_ @0string:"Aé😀A`?\\n" @35string:"\\\\d")'],
  ['b"\\xff\\377é"', '@0bytes:ffffc3a9'],
  ["'''a\r\nb\"'''", '@0string:"a\\nb\\""'],
  ['null == true', '(@5_==_ @0null @8bool:true)'],
  ['has(a.b)', '(@3select @4a b true)'],
  ['a.has(b)', '(@5has [@0a] @6b)'],
  [
    'l.all(x, x > 0)',
    '(@5fold @0l x,,@result @5bool:true (@5@not_strictly_false @5@result) (@5_&&_ @5@result (@11_>_ @9x @13int:0)) @5@result)',
  ],
  [
    'l.exists(x, x)',
    '(@8fold @0l x,,@result @8bool:false (@8@not_strictly_false (@8!_ @8@result)) (@8_||_ @8@result @12x) @8@result)',
  ],
  [
    'l.exists_one(x, x)',
    '(@12fold @0l x,,@result @12int:0 @12bool:true (@12_?_:_ @16x (@12_+_ @12@result @12int:1) @12@result) (@12_==_ @12@result @12int:1))',
  ],
  [
    'l.map(x, x + 1)',
    '(@5fold @0l x,,@result (@5list []) @5bool:true (@5_+_ @5@result (@5list (@11_+_ @9x @13int:1) [])) @5@result)',
  ],
  [
    'l.map(x, x > 1, x)',
    '(@5fold @0l x,,@result (@5list []) @5bool:true (@5_?_:_ (@11_>_ @9x @13int:1) (@5_+_ @5@result (@5list @16x [])) @5@result) @5@result)',
  ],
  [
    'l.filter(x, x)',
    '(@8fold @0l x,,@result (@8list []) @8bool:true (@8_?_:_ @12x (@8_+_ @8@result (@8list @9x [])) @8@result) @8@result)',
  ],
  ['l.existsOne(x, x)', '(@11existsOne [@0l] @12x @15x)'],
  [
    'l.all(i, x, x > i)',
    '(@5fold @0l i,x,@result @5bool:true (@5@not_strictly_false @5@result) (@5_&&_ @5@result (@14_>_ @12x @16i)) @5@result)',
  ],
  [
    'm.exists(k, v, k == v)',
    '(@8fold @0m k,v,@result @8bool:false (@8@not_strictly_false (@8!_ @8@result)) (@8_||_ @8@result (@17_==_ @15k @20v)) @8@result)',
  ],
  [
    'm.existsOne(k, v, v)',
    '(@11fold @0m k,v,@result @11int:0 @11bool:true (@11_?_:_ @18v (@11_+_ @11@result @11int:1) @11@result) (@11_==_ @11@result @11int:1))',
  ],
  [
    'm.transformList(k, v, v)',
    '(@15fold @0m k,v,@result (@15list []) @15bool:true (@15_+_ @15@result (@15list @22v [])) @15@result)',
  ],
  [
    'm.transformMap(k, v, k, v)',
    '(@14fold @0m k,v,@result (@14map) @14bool:true (@14_?_:_ @21k (@14cel.@mapInsert @14@result @14k @24v) @14@result) @14@result)',
  ],
  [
    'm.transformMapEntry(k, v, {v: k})',
    '(@19fold @0m k,v,@result (@19map) @19bool:true (@19cel.@mapInsert @19@result (@26map @28@27v:@30k:false)) @19@result)',
  ],
  [
    'a.optMap(x, x)',
    '(@8_?_:_ (@8hasValue [@0a]) (@8optional.of (@8fold (@8list []) #unused,,x (@8value [@0a]) @8bool:false @8x @12x)) (@8optional.none))',
  ],
  [
    'a.b.optFlatMap(x, x.y)',
    '(@14_?_:_ (@14hasValue [(@1select @0a b false)]) (@14fold (@14list []) #unused,,x (@14value [(@1select @0a b false)]) @14bool:false @14x (@19select @18x y false)) (@14optional.none))',
  ],
  [
    'l.sortBy(x, -x)',
    '(@8fold (@8list []) #unused,,@__sortBy_input__ @0l @8bool:false @8@__sortBy_input__ (@8@sortByAssociatedKeys [@8@__sortBy_input__] (@8fold @8@__sortBy_input__ x,,@result (@8list []) @8bool:true (@8_+_ @8@result (@8list (@12-_ @13x) [])) @8@result)))',
  ],
  ['cel.bind(x, 1, x)', '(@8fold (@8list []) #unused,,x @12int:1 @8bool:false @8x @15x)'],
  ['foo.bind(x, 1, x)', '(@8bind [@0foo] @9x @12int:1 @15x)'],
  ['a // b\n + c', '(@8_+_ @0a @10c)'],
];

/** What upstream says of faulty ones, and of several faults in one text. */
const faults: readonly (readonly [source: string, lines: readonly string[]])[] = [
  [
    '',
    [
      "ERROR: <input>:1:0: Syntax error: mismatched input '<EOF>' expecting {'[', '{', '(', '.', '-', '!', 'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, STRING, BYTES, IDENTIFIER}",
    ],
  ],
  ['a.', ["ERROR: <input>:1:3: Syntax error: no viable alternative at input '.'", ' | a.', ' | ..^']],
  [
    '1 +',
    [
      "ERROR: <input>:1:4: Syntax error: mismatched input '<EOF>' expecting {'[', '{', '(', '.', '-', '!', 'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, STRING, BYTES, IDENTIFIER}",
      ' | 1 +',
      ' | ...^',
    ],
  ],
  ['a b', ["ERROR: <input>:1:3: Syntax error: extraneous input 'b' expecting <EOF>", ' | a b', ' | ..^']],
  [
    ') + 1',
    [
      "ERROR: <input>:1:1: Syntax error: mismatched input ')' expecting {'[', '{', '(', '.', '-', '!', 'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, STRING, BYTES, IDENTIFIER}",
      ' | ) + 1',
      ' | ^',
    ],
  ],
  [
    'a & b',
    [
      "ERROR: <input>:1:3: Syntax error: token recognition error at: '& '",
      ' | a & b',
      ' | ..^',
      "ERROR: <input>:1:5: Syntax error: extraneous input 'b' expecting <EOF>",
      ' | a & b',
      ' | ....^',
    ],
  ],
  [
    '"abc',
    [
      "ERROR: <input>:1:1: Syntax error: token recognition error at: '\"abc'",
      ' | "abc',
      ' | ^',
      "ERROR: <input>:1:5: Syntax error: mismatched input '<EOF>' expecting {'[', '{', '(', '.', '-', '!', 'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, STRING, BYTES, IDENTIFIER}",
      ' | "abc',
      ' | ....^',
    ],
  ],
  [
    "'a\n'",
    [
      "ERROR: <input>:1:1: Syntax error: token recognition error at: ''a",
      "'",
      " | 'a",
      ' | ^',
      "ERROR: <input>:2:1: Syntax error: token recognition error at: '''",
      " | '",
      ' | ^',
      "ERROR: <input>:2:2: Syntax error: mismatched input '<EOF>' expecting {'[', '{', '(', '.', '-', '!', 'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, STRING, BYTES, IDENTIFIER}",
      " | '",
      ' | .^',
    ],
  ],
  ['#a', ["ERROR: <input>:1:1: Syntax error: token recognition error at: '#'", ' | #a', ' | ^']],
  ['a ? b', ["ERROR: <input>:1:6: Syntax error: mismatched input '<EOF>' expecting ':'", ' | a ? b', ' | .....^']],
  [
    '{1: 2',
    ["ERROR: <input>:1:6: Syntax error: mismatched input '<EOF>' expecting {'}', ','}", ' | {1: 2', ' | .....^'],
  ],
  [
    '[1, 2',
    ["ERROR: <input>:1:6: Syntax error: mismatched input '<EOF>' expecting {']', ','}", ' | [1, 2', ' | .....^'],
  ],
  ['f(1', ["ERROR: <input>:1:4: Syntax error: missing ')' at '<EOF>'", ' | f(1', ' | ...^']],
  [
    'f(a,)',
    [
      "ERROR: <input>:1:5: Syntax error: mismatched input ')' expecting {'[', '{', '(', '.', '-', '!', 'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, STRING, BYTES, IDENTIFIER}",
      ' | f(a,)',
      ' | ....^',
    ],
  ],
  ['[,1]', ["ERROR: <input>:1:3: Syntax error: extraneous input '1' expecting ']'", ' | [,1]', ' | ..^']],
  ['a..b', ["ERROR: <input>:1:3: Syntax error: no viable alternative at input '..'", ' | a..b', ' | ..^']],
  ['a.1', ["ERROR: <input>:1:2: Syntax error: extraneous input '.1' expecting <EOF>", ' | a.1', ' | .^']],
  ['a.true', ["ERROR: <input>:1:3: Syntax error: mismatched input 'true' expecting IDENTIFIER", ' | a.true', ' | ..^']],
  [
    'null.true',
    ["ERROR: <input>:1:6: Syntax error: mismatched input 'true' expecting IDENTIFIER", ' | null.true', ' | .....^'],
  ],
  ['1 2 3', ["ERROR: <input>:1:3: Syntax error: mismatched input '2' expecting <EOF>", ' | 1 2 3', ' | ..^']],
  [
    'a[',
    [
      "ERROR: <input>:1:3: Syntax error: mismatched input '<EOF>' expecting {'[', '{', '(', '.', '-', '!', '?', 'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, STRING, BYTES, IDENTIFIER}",
      ' | a[',
      ' | ..^',
    ],
  ],
  [
    'a[]',
    [
      "ERROR: <input>:1:3: Syntax error: mismatched input ']' expecting {'[', '{', '(', '.', '-', '!', '?', 'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, STRING, BYTES, IDENTIFIER}",
      ' | a[]',
      ' | ..^',
    ],
  ],
  ['T{a}', ["ERROR: <input>:1:4: Syntax error: mismatched input '}' expecting ':'", ' | T{a}', ' | ...^']],
  [
    'T{a: 1 b: 2}',
    ["ERROR: <input>:1:8: Syntax error: mismatched input 'b' expecting {'}', ','}", ' | T{a: 1 b: 2}', ' | .......^'],
  ],
  ['{,1}', ["ERROR: <input>:1:3: Syntax error: extraneous input '1' expecting '}'", ' | {,1}', ' | ..^']],
  [
    '- ]',
    [
      "ERROR: <input>:1:3: Syntax error: no viable alternative at input '- ]'",
      ' | - ]',
      ' | ..^',
      "ERROR: <input>:1:3: Syntax error: mismatched input ']' expecting {'[', '{', '(', '.', '-', '!', 'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, STRING, BYTES, IDENTIFIER}",
      ' | - ]',
      ' | ..^',
    ],
  ],
  [
    '!]',
    [
      "ERROR: <input>:1:2: Syntax error: extraneous input ']' expecting {'[', '{', '(', '.', '-', '!', 'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, STRING, BYTES, IDENTIFIER}",
      ' | !]',
      ' | .^',
    ],
  ],
  [
    '--]',
    [
      "ERROR: <input>:1:3: Syntax error: no viable alternative at input '-]'",
      ' | --]',
      ' | ..^',
      "ERROR: <input>:1:3: Syntax error: mismatched input ']' expecting {'[', '{', '(', '.', '-', '!', 'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, STRING, BYTES, IDENTIFIER}",
      ' | --]',
      ' | ..^',
    ],
  ],
  [
    '-1.?',
    [
      "ERROR: <input>:1:5: Syntax error: mismatched input '<EOF>' expecting {IDENTIFIER, ESC_IDENTIFIER}",
      ' | -1.?',
      ' | ....^',
      'ERROR: <input>:1:5: unsupported ident kind',
      ' | -1.?',
      ' | ....^',
    ],
  ],
  [
    'a.b(',
    [
      "ERROR: <input>:1:5: Syntax error: mismatched input '<EOF>' expecting {'[', '{', '(', ')', '.', '-', '!', 'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, STRING, BYTES, IDENTIFIER}",
      ' | a.b(',
      ' | ....^',
    ],
  ],
  [
    'a.`b',
    [
      "ERROR: <input>:1:3: Syntax error: token recognition error at: '`b'",
      ' | a.`b',
      ' | ..^',
      "ERROR: <input>:1:5: Syntax error: no viable alternative at input '.'",
      ' | a.`b',
      ' | ....^',
    ],
  ],
  [
    'a.``',
    [
      "ERROR: <input>:1:3: Syntax error: token recognition error at: '``'",
      ' | a.``',
      ' | ..^',
      "ERROR: <input>:1:5: Syntax error: no viable alternative at input '.'",
      ' | a.``',
      ' | ....^',
    ],
  ],
  ['x.@y', ["ERROR: <input>:1:3: Syntax error: token recognition error at: '@'", ' | x.@y', ' | ..^']],
  ['as', ['ERROR: <input>:1:1: reserved identifier: as', ' | as', ' | ^']],
  ['if()', ['ERROR: <input>:1:1: reserved identifier: if', ' | if()', ' | ^']],
  ['-9223372036854775809', ['ERROR: <input>:1:1: invalid int literal', ' | -9223372036854775809', ' | ^']],
  ['0x10000000000000000u', ['ERROR: <input>:1:1: invalid uint literal', ' | 0x10000000000000000u', ' | ^']],
  ['1e400', ['ERROR: <input>:1:1: invalid double literal', ' | 1e400', ' | ^']],
  ["'\\ud800'", ['ERROR: <input>:1:1: invalid unicode code point', " | '\\ud800'", ' | ^']],
  [
    "'\\U00110000' + '\\q'",
    [
      'ERROR: <input>:1:1: invalid unicode code point',
      " | '\\U00110000' + '\\q'",
      ' | ^',
      "ERROR: <input>:1:16: Syntax error: token recognition error at: ''\\q'",
      " | '\\U00110000' + '\\q'",
      ' | ...............^',
      "ERROR: <input>:1:19: Syntax error: token recognition error at: '''",
      " | '\\U00110000' + '\\q'",
      ' | ..................^',
      "ERROR: <input>:1:20: Syntax error: mismatched input '<EOF>' expecting {'[', '{', '(', '.', '-', '!', 'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, STRING, BYTES, IDENTIFIER}",
      " | '\\U00110000' + '\\q'",
      ' | ...................^',
    ],
  ],
  ['b"\\u0041"', ['ERROR: <input>:1:1: unable to unescape string', ' | b"\\u0041"', ' | ^']],
  ['has(a)', ['ERROR: <input>:1:5: invalid argument to has() macro', ' | has(a)', ' | ....^']],
  ['has(a[0])', ['ERROR: <input>:1:6: invalid argument to has() macro', ' | has(a[0])', ' | .....^']],
  ['[].all(x.y, true)', ['ERROR: <input>:1:9: argument must be a simple name', ' | [].all(x.y, true)', ' | ........^']],
  [
    '[].all(x, x, true)',
    ['ERROR: <input>:1:11: duplicate variable name: x', ' | [].all(x, x, true)', ' | ..........^'],
  ],
  ['[].map(1, 1)', ['ERROR: <input>:1:8: argument is not an identifier', ' | [].map(1, 1)', ' | .......^']],
  [
    '[].filter(__result__, true)',
    [
      'ERROR: <input>:1:11: iteration variable overwrites accumulator variable',
      ' | [].filter(__result__, true)',
      ' | ..........^',
    ],
  ],
  [
    'm.transformMap(k, __result__, 1)',
    [
      'ERROR: <input>:1:19: iteration variable overwrites accumulator variable',
      ' | m.transformMap(k, __result__, 1)',
      ' | ..................^',
    ],
  ],
  [
    'a.optMap(x.y, 1)',
    [
      'ERROR: <input>:1:11: optMap() variable name must be a simple identifier',
      ' | a.optMap(x.y, 1)',
      ' | ..........^',
    ],
  ],
  [
    'a.optFlatMap(1, 1)',
    [
      'ERROR: <input>:1:14: optFlatMap() variable name must be a simple identifier',
      ' | a.optFlatMap(1, 1)',
      ' | .............^',
    ],
  ],
  [
    'cel.bind(1, 2, 3)',
    [
      'ERROR: <input>:1:10: cel.bind() variable names must be simple identifiers',
      ' | cel.bind(1, 2, 3)',
      ' | .........^',
    ],
  ],
  [
    '1.sortBy(x, x)',
    [
      'ERROR: <input>:1:1: sortBy can only be applied to a list, identifier, comprehension, call or select expression',
      ' | 1.sortBy(x, x)',
      ' | ^',
    ],
  ],
  [
    '[].all(1, has(a)) + ) 1 2',
    [
      'ERROR: <input>:1:8: argument must be a simple name',
      ' | [].all(1, has(a)) + ) 1 2',
      ' | .......^',
      'ERROR: <input>:1:15: invalid argument to has() macro',
      ' | [].all(1, has(a)) + ) 1 2',
      ' | ..............^',
      "ERROR: <input>:1:21: Syntax error: extraneous input ')' expecting {'[', '{', '(', '.', '-', '!', 'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, STRING, BYTES, IDENTIFIER}",
      ' | [].all(1, has(a)) + ) 1 2',
      ' | ....................^',
      "ERROR: <input>:1:25: Syntax error: extraneous input '2' expecting <EOF>",
      ' | [].all(1, has(a)) + ) 1 2',
      ' | ........................^',
    ],
  ],
  ['\ta\tb\n\n', ["ERROR: <input>:1:4: Syntax error: extraneous input 'b' expecting <EOF>", ' |  a b', ' | ...^']],
  [
    'é + 世 b',
    [
      "ERROR: <input>:1:1: Syntax error: token recognition error at: 'é'",
      ' | é + 世 b',
      ' | ＾',
      "ERROR: <input>:1:3: Syntax error: extraneous input '+' expecting {'[', '{', '(', '.', '-', '!', 'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, STRING, BYTES, IDENTIFIER}",
      ' | é + 世 b',
      ' | ．.^',
      "ERROR: <input>:1:5: Syntax error: token recognition error at: '世'",
      ' | é + 世 b',
      ' | ．...＾',
    ],
  ],
  [
    '世\t世',
    [
      "ERROR: <input>:1:1: Syntax error: token recognition error at: '世'",
      ' | 世 世',
      ' | ＾',
      "ERROR: <input>:1:3: Syntax error: token recognition error at: '世'",
      ' | 世 世',
      ' | ．.＾',
      "ERROR: <input>:1:4: Syntax error: mismatched input '<EOF>' expecting {'[', '{', '(', '.', '-', '!', 'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, STRING, BYTES, IDENTIFIER}",
      ' | 世 世',
      ' | ．.．^',
    ],
  ],
  ['a\n+ b c\n d', ["ERROR: <input>:2:5: Syntax error: mismatched input 'c' expecting <EOF>", ' | + b c', ' | ....^']],
  [
    '.x(., has( .. .map(',
    ["ERROR: <input>:1:5: Syntax error: no viable alternative at input '.,'", ' | .x(., has( .. .map(', ' | ....^'],
  ],
  [
    '(',
    [
      "ERROR: <input>:1:2: Syntax error: mismatched input '<EOF>' expecting {'[', '{', '(', '.', '-', '!', 'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, STRING, BYTES, IDENTIFIER}",
      ' | (',
      ' | .^',
    ],
  ],
];

test('a correct expression becomes the tree that upstream makes of it, each node at its place', () => {
  for (const [source, tree] of trees) {
    const result = parse(source, { macros });
    assert.equal('errors' in result ? formatErrors(result.errors, source) : treeText(result.parsed), tree, source);
  }
});

/** All that is wrong with a text, as it is shown. */
function faultsOf(source: string): string {
  const result = parse(source, { macros });
  return 'errors' in result ? formatErrors(result.errors, source) : '';
}

test('a faulty expression is refused with all its errors in the words of upstream', () => {
  for (const [source, lines] of faults) assert.equal(faultsOf(source), lines.join('\n'), source);
});

test('what is nested too deep, too long or too faulty is given up', () => {
  const nested = (depth: number): string => `${'('.repeat(depth)}1${')'.repeat(depth)}`;
  assert.equal(faultsOf(nested(249)), '');
  assert.equal(faultsOf(nested(250)), 'ERROR: <input>:-1:0: expression recursion limit exceeded: 250');
  assert.equal(faultsOf(`a${'.b'.repeat(250)}`), '');
  assert.equal(faultsOf(`a${'.b'.repeat(251)}`), 'ERROR: <input>:-1:0: max recursion depth exceeded');
  assert.equal(faultsOf(Array.from({ length: 1000 }, () => 'a').join(' && ')), '');
  assert.equal(
    faultsOf('x'.repeat(100_001)),
    'ERROR: <input>:-1:0: expression code point size exceeds limit: size: 100001, limit 100000',
  );
  assert.match(faultsOf(`a ${'b'.repeat(20_000)}`), /expecting <EOF>$/);
  assert.match(faultsOf('{1 '.repeat(40)), /Syntax error: error recovery attempt limit exceeded: 30\n/);
  assert.match(
    faultsOf(') '.repeat(300)),
    /^ERROR: <input>:-1:0: error recovery token lookahead limit exceeded: 256\n/,
  );
  const many = faultsOf('#'.repeat(150)).split('\n');
  assert.equal(many.length, 301);
  assert.equal(many.at(-1), '1 more errors were truncated');
});
