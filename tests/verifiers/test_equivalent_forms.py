"""The same answer in two notations is equal, both ways; a near miss is not. References first, answers second."""

from __future__ import annotations

import pytest

from verifiers.judges.symbolic import SymbolicVerifier

VERIFIER = SymbolicVerifier(mode="evaluation")

SAME: list[tuple[str, str]] = [
    (r"\frac{1}{2}", r"\frac 1 2"), (r"\frac{1}{2}", r"\frac{1}2"), (r"\sqrt{2}", r"\sqrt 2"),
    (r"2\sqrt{3}", r"\sqrt{12}"), (r"\sqrt{12}", "2*sqrt(3)"), (r"-\frac{1}{2}", r"\frac{-1}{2}"),
    (r"-\frac12", "-1/2"), (r"\frac{\sqrt{3}}{3}", r"\frac{1}{\sqrt 3}"), (r"\frac{3\pi}{4}", r"\frac{3}{4}\pi"),
    (r"2\pi", "2π"), ("3+4i", "4i+3"), ("(1+i)^2", "2i"), (r"e^{i\pi}", "-1"),
    (r"\frac{1+i}{\sqrt2}", r"\frac{\sqrt{2}}{2}+\frac{\sqrt2}{2}i"), (r"\{1,2,3\}", "3,1,2"),
    (r"\{1,2,3\}", r"\{3,2,1\}"), (r"\{(1,2),(2,1)\}", "(2,1),(1,2)"), (r"\emptyset", r"\varnothing"),
    (r"\emptyset", r"\{\}"), (r"(-\infty,0)\cup(0,\infty)", r"x \neq 0"),
    (r"(-\infty,0)\cup(0,\infty)", r"\mathbb{R}\setminus\{0\}"), (r"\mathbb{R}", r"(-\infty,\infty)"),
    (r"\{x\in\mathbb{R}: x>0\}", r"(0,\infty)"), (r"\{x \mid x \ge 3\}", r"[3,\infty)"), ("[2,5)", r"2\le x<5"),
    ("(2,5)", "5>x>2"), ("x>2", r"x \in (2, \infty)"), ("x>2", "2<x"),
    (r"x\le -1 \text{ or } x\ge 4", r"(-\infty,-1]\cup[4,\infty)"),
    (r"x < -1 \text{ or } x > 4", r"x>4 \text{ or } x<-1"),
    (r"\begin{pmatrix}1&2\\3&4\end{pmatrix}", r"\begin{bmatrix}1&2\\3&4\end{bmatrix}"),
    (r"\begin{pmatrix}1\\2\end{pmatrix}", "(1,2)"),
    (r"\begin{pmatrix} 1 & 2 \\ 3 & 4 \end{pmatrix}", "[[1,2],[3,4]]"),
    (r"\begin{pmatrix}\frac12&0\\0&1\end{pmatrix}", r"\left[\begin{array}{cc}0.5 & 0\\ 0& 1\end{array}\right]"),
    ("x=3", "3"), ("3", "x=3"), ("x=1, y=2", "y=2, x=1"), ("(x,y)=(1,2)", "x=1,y=2"), ("(1,2)", "x=1, y=2"),
    (r"x=2 \text{ or } x=3", "x=3, x=2"), ("x=2,3", "2, 3"), (r"x = \pm 2", "2,-2"),
    (r"\pm 2", r"x=2 \text{ or } x=-2"), (r"\pm\sqrt{3}", r"\{\sqrt3,-\sqrt3\}"), ("y=2x+1", "2x+1"),
    ("y=2x+1", "y=1+2x"), ("y=2x+1", "2x-y+1=0"), ("2x-y+1=0", "y=2x+1"), ("x^2+y^2=4", "x^2+y^2-4=0"),
    ("y-1=2(x-3)", "y=2x-5"), ("f(x)=x^2", "x^2"), ("f(x)=x^2", r"f(x)=x\cdot x"), (r"50\%", "0.5"),
    (r"50\%", "50"), (r"50\%", r"\frac12"), ("50%", r"50 \text{ percent}"), (r"12.5\%", "12.5"),
    (r"5\text{ cm}", "5"), (r"5\text{ cm}", "5 cm"), (r"5\text{ cm}", "5 centimeters"), (r"5\text{ cm}", "0.05 m"),
    (r"12\text{ cm}^2", r"12 \text{ square centimeters}"), ("12", r"12 \text{ square units}"),
    (r"\$5", "5 dollars"), (r"\$5.00", "5"), ("5", "$5"), (r"10 \text{ m/s}", "10 m/s"),
    (r"10\text{ m/s}", "36 km/h"), ("3 hours", "3"), (r"90^\circ", "90"), ("90", r"90^\circ"),
    (r"90^\circ", "90 degrees"), (r"90^\circ", r"\frac{\pi}{2}"), (r"5 \text{ apples}", "5"), ("5", "5 apples"),
    ("1{,}000", "1000"), ("1,000,000", "1000000"), (r"1\,000\,000", "1000000"), ("10,000", "10^4"),
    ("1.5e3", "1500"), (r"1.5 \times 10^3", "1500"), (r"1.5\cdot 10^{3}", "1,500"), (r"0.\overline{3}", "1/3"),
    (r"0.\overline{142857}", r"\frac17"), (r"0.1\overline{6}", "1/6"), ("0.333...", "1/3"),
    (r"1\frac{1}{2}", "1.5"), ("1 1/2", "3/2"), (r"3\frac{2}{5}", "17/5"), (r"-1\frac12", "-1.5"),
    (r"\text{Monday}", "Monday"), (r"\text{Monday}", "monday"), ("Yes", "yes"), (r"\text{even}", "even"),
    (r"\text{(C)}", "C"), ("C", "(C)"), ("C", r"\textbf{(C)}"), ("C", r"\textbf{(C) } 5"), ("(C)", r"\text{C}"),
    ("B", "B. 42"), ("B", "B) 42"), ("B", "The answer is B"), ("B", "The correct option is (B)."),
    (r"\text{A and B}", "A, B"), ("n!", r"n \cdot (n-1)!"), (r"\binom{5}{2}", "10"),
    (r"\binom{n}{2}", r"\frac{n(n-1)}{2}"), ("5!", "120"), ("2^{10}", "1024"), (r"\lfloor 3.7\rfloor", "3"),
    (r"\log_2 8", "3"), (r"\ln(e^2)", "2"), (r"\log_{10} 100", "2"), (r"\log 100", "2"), (r"\ln x", r"\log x"),
    (r"\sin^2 x", r"1-\cos^2 x"), (r"\sin 2x", r"2\sin x\cos x"), (r"\tan x", r"\frac{\sin x}{\cos x}"),
    (r"\frac{\pi}{6}", r"\sin^{-1}(1/2)"), ("|x|", r"\sqrt{x^2}"), ("e^{x+y}", "e^x e^y"),
    (r"\sqrt{x^3}", "x^{3/2}"), ("x^{-1}", "1/x"), ("(x+1)^2", "x^2+2x+1"), (r"\frac{x^2-1}{x-1}", "x+1"),
    ("ab", "ba"), ("2ab", r"2 \cdot a \cdot b"), ("a_1+a_2", "a_2+a_1"), ("a_{1}", "a_1"), ("x_{10}", "x_{10}"),
    (r"\alpha+\beta", "β+α"), (r"\frac{1}{2}\ln 2", r"\ln\sqrt 2"), (r"\sqrt[3]{8}", "2"), (r"\sqrt[3]{-8}", "-2"),
    (r"\cos 60^\circ", r"\frac12"), (r"\sin(\pi/6)", "0.5"), (r"\arctan 1", r"\pi/4"), (r"2n\pi", r"2\pi n"),
    (r"\frac{\pi}{3}+2k\pi, k\in\mathbb{Z}", r"\frac{\pi}{3}+2\pi n, n\in\mathbb{Z}"),
    (r"x = 2k\pi, k \in \mathbb{Z}", r"2k\pi"), ("3:4", "3/4"), ("3:4", "6:8"), ("1:2:3", "2:4:6"),
    ("2 : 3", "2:3"), ("12:30", "12:30"), ("3:00 PM", "3:00 p.m."), (r"3:00\text{ PM}", "15:00"),
    ("July 4", "4 July"), (r"\text{May 5, 2020}", "5 May 2020"), ("1011_2", "1011_{2}"),
    ("1011_2", r"1011_{\text{two}}"), ("x^2+2x+C", "x^2+2x+c"), (r"\infty", r"+\infty"), (r"-\infty", "-infinity"),
    (r"\text{undefined}", "undefined"), (r"\sum_{k=1}^{n} k", r"\sum_{i=1}^{n} i"), ("5", "x = 2+3 = 5"),
    ("5", "2+3=5"), ("5", r"x \approx 5"), (r"\frac{1}{3}", r"0.\overline{3}"), ("3.14", "3.140"),
    (r"6 \text{ and } 8", "8,6"), (r"x=1 \text{ and } x=2", "1,2"), ("1, 2, and 3", "3,2,1"), ("1 or 2", "2 or 1"),
    (r"(3,\infty)", "x > 3"), ("a>3", r"(3,+\infty)"), (r"\{2\}", "2"), ("2", r"\{2\}"), ("2", r"x \in \{2\}"),
    (r"x\in\{1,2\}", "1,2"), (r"\left(\frac{1}{2}, 3\right)", "(0.5,3)"), (r"\langle 1,2,3\rangle", "(1,2,3)"),
    ("(1,2,3)", r"\begin{pmatrix}1\\2\\3\end{pmatrix}"), (r"2\mathbf{i}+3\mathbf{j}", r"2\mathbf{i}+3\mathbf{j}"),
    (r"k>\frac14", "k > 0.25"), (r"m \ge 2", r"2 \leq m"), (r"ab \le 1", r"1 \ge ab"), (r"\frac{a}{b}", "a/b"),
    (r"\dfrac{a+b}{2}", "(a+b)/2"), ("x(x+1)", "x^2+x"), ("4x^3 - 2", "-2 + 4 x^3"), ("2^{n+1}", r"2\cdot 2^n"),
    (r"\frac{2^n}{2}", "2^{n-1}"), ("(-1)^n", "(-1)^{n}"), (r"\text{no solution}", "no solution"),
    (r"\text{No real solutions}", "no real solutions"), (r"\frac{4}{3}", r"1.\overline{3}"),
    (r"120^\circ", r"120\degree"), ("100", r"\$100"), (r"7\text{ days}", "7 days"), ("$10", r"\$10.00"),
    (r"18\pi", r"18 \pi \text{ cm}^3"), (r"\frac{1}{4}", r"25\%"), ("AB=5", "5"), (r"\angle A = 30^\circ", "30"),
    (r"P(A)=\frac13", "1/3"), (r"S=\frac{1}{2}", "S = 0.5"), (r"\triangle ABC = 12", "12"), ("2x^2 dx", "2x^2 dx"),
    (r"x \equiv 3 \pmod 5", r"x \equiv 3 \mod 5"), (r"3 \bmod 5", r"3 \pmod 5"), ("4k+1", "1+4k"),
    (r"\text{all real numbers}", r"\mathbb{R}"), (r"\text{all real numbers}", "all real numbers"),
    (r"$x \in \{1, 2, 3\}$", r"$\{1,2,3\}$"), ("1.0", "1"), (".5", "0.5"), ("5.", "5"), ("+5", "5"),
    ("x^2=4", "x^2-4=0"), (r"\max(2,3)", "3"), (r"\overline{AB}", r"\overline{AB}"),
    (r"10\sqrt{3} \text{ units}", r"10\sqrt3"), (r"\begin{cases} x = 1 \\ y = 2 \end{cases}", "x=1, y=2"),
    (r"\begin{cases} x & x>0 \\ -x & x \le 0\end{cases}",
    r"\begin{cases} x & \text{if } x>0 \\ -x & \text{if } x \le 0\end{cases}"),
    (r"\frac{x}{2} + 1", "0.5x+1"), ("9.8", r"\frac{49}{5}"), ("8!", "40320"), ("2023", "2,023"),
    (r"3\times10^{8}\text{ m/s}", "3e8"), (r"a_n = 2n-1 (n\in \mathbb{N}^*)", "2n-1"),
    ("a_{n}=2n-1", "a_n = 2n - 1"), (r"y = 2x + 1 \text{ or } y = -2x + 3", "y=-2x+3, y=2x+1"),
    (r"x - y = 0 \text{ or } x + y - 2 = 0", r"y=x \text{ or } y=2-x"),
    (r"\frac{x^2}{4}+\frac{y^2}{3}=1", "3x^2+4y^2=12"),
    (r"(-\infty,-1) \text{ and } (1,+\infty)", r"(-\infty,-1)\cup(1,\infty)"), ("①③", "①, ③"),
    (r"\{a \mid a \le -1 \text{ or } a=1\}", r"(-\infty,-1]\cup\{1\}"),
    (r"[0,1)\cup(1,2]", r"0 \le x \le 2 \text{ and } x \ne 1"),
    (r"13 \text{ cm or } \sqrt{119} \text{ cm}", r"13, \sqrt{119}"),
    (r"13 \text{ or } \sqrt{119}", r"\sqrt{119} \text{ or } 13"),
    (r"\frac{\pi}{6}+k\pi (k \in \mathbb{Z})", r"\frac{\pi}{6}+k\pi"), ("x=1, y=2, z=3", "(1,2,3)"),
    (r"\vec{a} = (1,2)", "(1,2)"), (r"2\sqrt{2}\ \text{or}\ 4", r"4,2\sqrt2"), (r"m=-1 \text{ or } m=3", "3,-1"),
    (r"(2,0) \text{ and } (0,2)", "(0,2),(2,0)"), (r"50^\circ \text{ or } 130^\circ", "50, 130"),
    (r"50^{\circ} \text{ or } 130^{\circ}", r"130^\circ, 50^\circ"), ("y^2=4x", "y^{2}=4 x"),
    (r"f^{-1}(x)=\frac{x-1}{2}", r"\frac{x-1}{2}"), (r"\frac{\sqrt6-\sqrt2}{4}", r"\sin 15^\circ"),
    (r"\left[\frac{1}{2}, +\infty\right)", r"x\geq 0.5"), (r"3 \mathrm{~cm}^2", "3"),
    (r"\sqrt2:1:\sqrt3", r"\sqrt{2} : 1 : \sqrt{3}"), ("(1) 2; (2) 3", "2, 3"), ("(1) $2$ (2) $3$", "2; 3"),
    (r"\angle A=60^\circ, b=2", r"b=2, \angle A=60^\circ"),
    (r"x \in \mathbb{R}, x \ne 1", r"(-\infty,1)\cup(1,\infty)"), (r"\{x \in \mathbb{R} \mid x \neq 1\}", r"x\ne1"),
    (r"0<a<1 \text{ or } a>3", r"(0,1)\cup(3,+\infty)"), ("-2<x<2", "|x|<2"), ("|x|>3", "x<-3 or x>3"),
    (r"2k\pi - \frac{\pi}{3} \le x \le 2k\pi+\frac{\pi}{3}, k\in Z", 
     r"[2k\pi - \frac{\pi}{3}, 2k\pi+\frac{\pi}{3}], k \in \mathbb{Z}"),
    (r"[k\pi, k\pi+\frac{\pi}{2}](k\in\mathbb{Z})", r"\left[k\pi, k\pi+\frac{\pi}{2}\right], k \in \mathbb{Z}"),
    (r"\frac{1}{3}", r"\frac{1}{3} \approx 0.333"),
    (r"\frac{1 + \sqrt{97}}{8} \approx 1.36", r"\frac{1 + \sqrt{97}}{8}"),
    ("1.36", r"\frac{1 + \sqrt{97}}{8} \approx 1.36"), (r"x = 1.5 = \frac{3}{2}", "1.5"),
    (r"\frac{3}{2} = 1.5", "3/2"), (r"2\text{ and }3", "2,3"), (r"5 \text{ or } -5", r"\pm5"),
    (r"x=\frac{-1\pm\sqrt5}{2}", r"\frac{-1+\sqrt5}{2},\frac{-1-\sqrt5}{2}"),
    (r"\frac{1 \pm i\sqrt{3}}{2}", r"\frac12 \pm \frac{\sqrt3}{2}i"),
    (r"1,\frac{-1\pm i\sqrt3}{2}", r"1, -\frac12+\frac{\sqrt3}{2}i, -\frac12-\frac{\sqrt3}{2}i"),
    (r"\{1\pm\sqrt5, -1\pm\sqrt3\}", r"1+\sqrt5,1-\sqrt5,-1+\sqrt3,-1-\sqrt3"), (r"\text{June 6}", "June 6"),
    (r"10:30 \text{ a.m.}", "10:30 AM"), (r"2\text{ hours }30\text{ minutes}", "2.5 hours"),
    (r"5 \text{ feet } 3 \text{ inches}", "63 inches"), (r"\frac{3}{4} \text{ cup}", "0.75"),
    (r"8\frac{1}{2} \text{ pounds}", "8.5"), (r"60 \text{ mph}", "60 miles per hour"), (r"\$2.50", "2.5 dollars"),
    (r"75\text{ cents}", r"\$0.75"), (r"0.75 \text{ dollars}", "75 cents"),
    (r"25\pi \text{ square feet}", r"25\pi"), ("1:2", r"\frac{1}{2}"), (r"1 \text{ to } 2", "1:2"),
    ("x^2-5x+6", "(x-2)(x-3)"), ("-x^2+1", "1-x^2"), (r"\frac{2}{x}+\frac{3}{y}", r"\frac{2y+3x}{xy}"),
    (r"\sqrt{a}\sqrt{b}", r"\sqrt{ab}"), (r"\frac{1}{1-x}", r"-\frac{1}{x-1}"), (r"\ln(ab)", r"\ln a+\ln b"),
    (r"\log_2 x", r"\frac{\ln x}{\ln 2}"), (r"e^{2\ln x}", "x^2"), (r"\cos^2 x-\sin^2 x", r"\cos 2x"),
    (r"\frac{e^x-e^{-x}}{2}", r"\sinh x"), (r"\sec x", r"1/\cos x"), (r"\sqrt{x^2+1}", "(x^2+1)^{1/2}"),
    ("2^{-3}", "0.125"), (r"\frac{n!}{(n-2)!}", "n(n-1)"), (r"\binom{n}{k}", r"\frac{n!}{k!(n-k)!}"),
    ("C(5,2)", "10"), (r"{5 \choose 2}", "10"), (r"2n+1 \text{ for } n\ge 0", "2n+1"),
    ("n(n+1)/2", r"\frac{n^2+n}{2}"), (r"3x^2-\frac{1}{x^2}", "3x^2-x^{-2}"),
    (r"x^{\frac{2}{3}}", r"\sqrt[3]{x^2}"), ("e^x", "exp(x)"), ("e^{-x^2}", r"\exp(-x^2)"),
    (r"\tan^{-1} x", "arctan(x)"), (r"\operatorname{arctan} x", r"\arctan x"), (r"\mathrm{e}^{2}", "e^2"),
    (r"2 \mathrm{i}", "2i"), (r"\frac{dy}{dx}=2x", "2x"), ("f'(x)=2x", "2x"),
    (r"\lfloor \frac{n}{2} \rfloor", r"\left\lfloor n/2 \right\rfloor"),
    (r"\lceil \sqrt{n} \rceil", r"\lceil\sqrt n\rceil"), (r"n^2 + n + 1 \pmod{7}", r"n^2+n+1 \mod 7"),
    ("1, -1, i, -i", r"\pm 1, \pm i"), (r"\{-1,0,1\}", r"0, \pm 1"), ("a=1,b=2,c=3", "a=1, b=2, c=3"),
    ("(a,b,c)=(1,2,3)", "a=1,b=2,c=3"), ("1;2;3", "1,2,3"), ("1,2,3,4,5", r"\{1,2,3,4,5\}"),
    (r"1, 2, 3, \dots, 10", r"1,2,3,\ldots,10"), (r"\left(-\infty, \frac{1}{2}\right]", r"(-\infty,0.5]"),
    (r"(-1,0)\cup(0,1)", r"(-1,1)\setminus\{0\}"),
    (r"\mathbb{R} \backslash \{1,2\}", r"(-\infty,1)\cup(1,2)\cup(2,\infty)"), (r"x\in\mathbb{R}", r"\mathbb{R}"),
    (r"x \in \mathbb{Z}", r"\mathbb{Z}"), (r"\mathbb{N}", r"\mathbb N"), ("0.5", ".5"), ("-0.25", r"-\frac14"),
    ("7.0", "7"), ("1e-3", "0.001"), (r"2.5\times10^{-4}", "0.00025"), ("6.02e23", r"6.02\times10^{23}"),
    (r"1\,000", "1000"), ("10^{6}", "1,000,000"), ("1 million", "1000000"), (r"2.5 \text{ million}", "2,500,000"),
    ("3 dozen", "36"), (r"\frac{22}{7}", r"3\frac{1}{7}"), ("22/7", "3 1/7"), (r"x=\log_2 3", r"\log_2 3"),
    (r"\log_{10} 2", r"\log 2"),
    (r"\log_3 2", r"\frac{\log 2}{\log 3}"), (r"1-\ln2", r"1-\log 2"), (r"\frac{\ln 3}{\ln 2}", r"\log_{2}{3}"),
    (r"\begin{vmatrix}1&2\\3&4\end{vmatrix}", "-2"),
    (r"\begin{bmatrix}1\\2\\3\end{bmatrix}", r"\begin{pmatrix}1\\2\\3\end{pmatrix}"),
    (r"\begin{pmatrix}1 & 0\end{pmatrix}", "(1,0)"), (r"\langle 1, 2 \rangle", r"\begin{pmatrix}1\\2\end{pmatrix}"),
    ("i+2j", "i+2j"), (r"\hat{i}+2\hat{j}", r"\mathbf{i}+2\mathbf{j}"), (r"\boxed{5}", "5"),
    (r"The answer is \boxed{5}", "5"), ("$5$", "5"), ("$$5$$", "5"), (r"\(5\)", "5"), (r"\[5\]", "5"),
    ("5.00", "5"), (r"\text{5}", "5"), (r"\mathbf{5}", "5"), ("{5}", "5"), ("(5)", "5"), (r"$\frac{1}{2}$.", "0.5"),
    (r"\displaystyle\frac{1}{2}", "1/2"), (r"\tfrac{1}{2}", r"\dfrac12"), ("3x+2y=6", "y=3-1.5x"),
    ("x+y=1", "y=1-x"), ("xy=1", "y=1/x"), ("ab=12", "ab = 12"), (r"r=2\cos\theta", r"r = 2\cos(\theta)"),
    (r"2\cos\theta", r"r=2\cos\theta"), ("z=2+3i", "2+3i"), ("|z|=5", "5"), (r"\cos A=\frac12", r"\frac12"),
    ("AB^2=5", "AB^2 = 5"), (r"\text{Increasing}", "increasing"), (r"\text{a parabola}", "parabola"),
    ("circle", "a circle"), (r"\text{isosceles triangle}", "isosceles triangle"),
    (r"\text{infinitely many}", "infinitely many"), (r"-\sqrt{3} \le x \le \sqrt{3}", r"[-\sqrt3,\sqrt3]"),
    (r"\left[-\sqrt{3}, \sqrt{3}\right]", r"|x|\le\sqrt3"), (r"x \leqslant 2", "x≤2"), ("a≥2", "[2,+∞)"),
    ("{x|x>2}", "(2,+∞)"), ("{x|x<-1或x>2}", "x<-1 or x>2"), ("{1,2}", r"\{1,2\}"),
]  # fmt: skip

# only this way round: the reference is a decimal, or an operation is left to work out in the answer
SAME_AS_REFERENCE: list[tuple[str, str]] = [
    ("B", "Answer: (B) 15"), (r"\sum_{k=1}^{n}k", r"\frac{n(n+1)}{2}"), (r"\int_0^1 x^2\,dx", "1/3"),
    (r"\frac{d}{dx}x^2", "2x"), ("3.14159", r"\pi"), ("0.667", r"\frac23"), (r"66.7\%", r"\frac{2}{3}"),
    ("5", "m+n=5"), (r"\left\langle 1,2\right\rangle", "<1,2>"),
]  # fmt: skip

DIFFERENT: list[tuple[str, str]] = [
    ("1/2", "1/3"), ("(1,2)", "(2,1)"), ("[1,2]", "(1,2)"), ("(1,2)", "[1,2)"), ("[1,2]", "[1,2)"),
    ("x>3", r"x\ge3"), ("x>3", "x<3"), (r"\{1,2\}", r"\{1,2,3\}"), ("1,2", "1"), ("1", "1,2"), ("x^2", "x^3"),
    ("2x", "2y"), ("5 km", "5 m"), ("5 kg", "5 m"), (r"\$5", "5 cents"), ("0.1", "0.10000001"), ("5", "5 thousand"),
    ("123_5", "123_7"), ("123_5", "123"), ("38", "123_5"), ("x^{2y}", "x^2y"), ("42", r"\neq 42"), ("5", "5!"),
    ("6", "3!+1"), ("10", "1,0"), ("12", "1 2"), ("1234", "1,2,34"), ("100", "1,00"), ("x=1", "x=2"),
    ("x=1,y=2", "x=2,y=1"), ("(x,y)=(1,2)", "x=2,y=1"), ("y=2x+1", "y=2x-1"), ("y=2x", "x=2y"),
    ("x^2+y^2=1", "x^2+y^2=4"), ("x^2+y^2=1", "0=0"), ("2", "x"), ("n", "2n"), (r"\sin x", r"\cos x"),
    (r"\ln x", r"\ln 2x"), (r"\begin{pmatrix}1&2\\3&4\end{pmatrix}", r"\begin{pmatrix}1&3\\2&4\end{pmatrix}"),
    ("2:1", "1:2"), ("12:00", "1:00"), ("1:00", "1"), ("Yes", "No"), ("A", "B"), ("A", "C"), ("Monday", "Tuesday"),
    ("3+4i", "3-4i"), (r"\frac{1}{2^{99}}", r"\frac{1}{2^{98}}"), ("2^{2025}", "2^{2024}"),
    ("10^{100}", "10^{100}+1"), (r"\binom{10}{3}", r"\binom{10}{4}"), ("1/2004!", "1/2006!"),
    ("x<1 or x>2", "1<x<2"), (r"(-\infty,1)\cup(2,\infty)", r"(-\infty,1]\cup(2,\infty)"), ("3", "3x"), ("3x", "3"),
    ("42", "41=42"), ("42", "42=43"), ("5", "5 or 6"), ("5", r"\text{not } 5"), ("5", "5 is wrong"),
    ("5", "5 minus 1"), (r"x=\pm 2", "2"), (r"\pm 2", "2"), ("2", r"\pm 2"), (r"90^\circ", "90 radians"),
    ("50", "0.5"), ("0.5", "50"), (r"5\%", "0.5"), ("1,2,3", "1,2,4"), ("(1,2),(3,4)", "(1,2,3,4)"),
    ("1,2,3", "(3,2,1)"), ("a+b", "c+d"), ("a-b", "b-a"), ("2(x+1)", "2x+1"), ("July 4", "July 5"),
    ("3:00 PM", "3:00 AM"), (r"\text{even}", "odd"), ("x>y", "y>x"), ("ab", "a+b"), (r"\{0\}", r"\emptyset"),
    ("0", r"\emptyset"), (r"\infty", r"-\infty"), ("3.5", "3.4"), ("0.003", "0.03"), ("2.74", "2,7"),
    ("x_1", "x_2"), ("f(x)=x", "f(x)=2x"), (r"k\pi, k\in\mathbb{Z}", r"2k\pi, k\in\mathbb{Z}"),
    ("6", r"\frac{6}{0}"), ("x=3", "x=3=4"), (r"20\%", r"20 \text{ cents}"), ("4", "2+2=5"), ("y", "x"),
    ("15 minutes", "15 hours"), ("60 minutes", "60 hours"), ("a_n=2n-1", "a_n=2n+1"), ("y=2x+1 or y=3", "y=2x+1"),
    ("(1) 2; (2) 3", "(1) 3; (2) 2"), ("①③", "13"), ("①③", "①②"), (r"50^\circ", "5050"), ("1:2:3", "1:2:4"),
    ("2 hours", "2 minutes"), ("5 feet 3 inches", "5 feet 4 inches"), (r"[0,1)\cup(1,2]", r"0\le x\le 2"),
    (r"2k\pi", r"k\pi"), ("x+y=1", "x-y=1"), ("xy=1", "x=y"), ("x<1", "x<2"), ("|x|<2", "x<2"),
    (r"\sqrt{x^2}", "x"), ("n!", "n"), ("a_1", "a_2"), (r"\sin^{-1}x", r"\frac{1}{\sin x}"),
    (r"\log_2 3", r"\log_3 2"), (r"(-1,0)\cup(0,1)", "(-1,1)"), (r"\mathbb{Z}", r"\mathbb{R}"),
    (r"1,2,\ldots,n", r"1,2,\ldots,n+1"), (r"\pm 1, \pm i", "1,-1,i"), ("2^{3^2}", "64"), ("1/2x", r"\frac{1}{2x}"),
    ("5 million", "5"), ("1.5", "1.50001"), ("999", "1000"), ("0.999", "1"), ("60 mph", "60 km/h"),
    (r"\$0.75", "75 dollars"), (r"\text{a parabola}", "hyperbola"), (r"\begin{pmatrix}1\\2\end{pmatrix}", "(2,1)"),
    (r"x=\pm3", "x=3"), ("3+2i", "2+3i"), ("-5", "5"), ("x>2 or x<-1", "-1<x<2"), ("0<x<1", "0<y<1"),
    (r"\frac{x+1}{2}", r"x+\frac12"), ("x^2+1", "x^2-1"), (r"2\pi r", r"\pi r^2"), (r"100\%", r"100 \text{ cm}"),
    ("3 PM", "3 AM"), ("5:30", "6:30"), ("June 6", "June 7"), ("A, B", "A, C"), (r"\infty", "1/0"), ("10!", "10"),
    (r"\sum_{k=1}^{n}k", r"\sum_{k=1}^{n+1}k"), ("f(x)=x+1", "f(x)=x-1"), (r"\{1,2\}", "(1,2)"),
    (r"\emptyset", r"\{0\}"), ("none", "0"),
]  # fmt: skip

NOT_THIS_WAY_ROUND: list[tuple[str, str]] = [
    ("1/3", "0.33"), (r"\pi", "3.14159"), ("e", "2.718"), (r"\sqrt{2}", "1.41421356"),
]  # fmt: skip


@pytest.mark.parametrize(("reference", "answer"), SAME)
def test_two_notations_of_one_answer_are_equal_both_ways(reference: str, answer: str) -> None:
    assert VERIFIER.verify(answer, reference).is_correct
    assert VERIFIER.verify(reference, answer).is_correct


@pytest.mark.parametrize(("reference", "answer"), SAME_AS_REFERENCE)
def test_the_reference_sets_the_terms(reference: str, answer: str) -> None:
    assert VERIFIER.verify(answer, reference).is_correct


@pytest.mark.parametrize(("reference", "answer"), DIFFERENT)
def test_near_misses_are_wrong_both_ways(reference: str, answer: str) -> None:
    assert not VERIFIER.verify(answer, reference).is_correct
    assert not VERIFIER.verify(reference, answer).is_correct


@pytest.mark.parametrize(("reference", "answer"), NOT_THIS_WAY_ROUND)
def test_an_approximation_does_not_answer_an_exact_reference(reference: str, answer: str) -> None:
    assert not VERIFIER.verify(answer, reference).is_correct
